/**
 * Holds back what must not leave before the changes it rests on are durable. Order is kept for all
 * connections together: a reader never learns of a change that a power loss could still take away.
 */
export class OutputGate {
  readonly #held: { readonly zxid: bigint; readonly deliver: () => void }[] = []
  #appliedZxid: bigint
  #durableZxid: bigint

  constructor(zxid: bigint) {
    this.#appliedZxid = zxid
    this.#durableZxid = zxid
  }

  get heldCount(): number {
    return this.#held.length
  }

  /** A change was applied: what is submitted from now on rests on it. */
  applied(zxid: bigint): void {
    this.#appliedZxid = zxid
  }

  submit(deliver: () => void): void {
    if (this.#appliedZxid <= this.#durableZxid) deliver()
    else this.#held.push({ zxid: this.#appliedZxid, deliver })
  }

  durable(zxid: bigint): void {
    this.#durableZxid = zxid
    const open = this.#held.findIndex((entry) => entry.zxid > zxid)
    for (const { deliver } of this.#held.splice(0, open === -1 ? this.#held.length : open)) {
      deliver()
    }
  }
}
