/** Where each leader epoch starts in a log (KIP-101), kept in `leader-epoch-checkpoint`. */
export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: number
}

export interface EpochEnd {
  readonly epoch: number
  readonly endOffset: number
}

const UNDEFINED: EpochEnd = { epoch: -1, endOffset: -1 }

/** `durable`: on the device when it returns. */
export type WriteEpochs = (entries: readonly EpochEntry[], durable: boolean) => void

export class LeaderEpochCache {
  #entries: EpochEntry[]
  readonly #write: WriteEpochs
  #isDurable: boolean

  /** `isDurable`: the entries are on the device, and do not only stand in a file. */
  constructor(entries: readonly EpochEntry[], write: WriteEpochs, isDurable: boolean) {
    this.#entries = [...entries]
    this.#write = write
    this.#isDurable = isDurable
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** -1 when it is not known. */
  epochAt(offset: number): number {
    return this.#entries.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? -1
  }

  assign(epoch: number, startOffset: number): void {
    const latest = this.#entries.at(-1)
    if (latest !== undefined && epoch === latest.epoch && startOffset >= latest.startOffset) return
    while (this.#entries.length > 0) {
      const last = this.#entries.at(-1)!
      if (last.epoch < epoch && last.startOffset < startOffset) break
      this.#entries.pop()
    }
    this.#entries.push({ epoch, startOffset })
    this.#persist()
  }

  endOffsetFor(requested: number, logEndOffset: number): EpochEnd {
    const latest = this.latestEpoch
    if (requested < 0 || latest < 0 || requested > latest) return UNDEFINED
    if (requested === latest) return { epoch: requested, endOffset: logEndOffset }
    const higher = this.#entries.findIndex(({ epoch }) => epoch > requested)
    const next = this.#entries[higher]!
    if (higher === 0) return { epoch: requested, endOffset: next.startOffset }
    return { epoch: this.#entries[higher - 1]!.epoch, endOffset: next.startOffset }
  }

  truncateFromEnd(offset: number): void {
    const kept = this.#entries.filter(({ startOffset }) => startOffset < offset)
    if (kept.length === this.#entries.length) return
    this.#entries = kept
    this.#persist()
  }

  truncateFromStart(offset: number): void {
    const dropped = this.#entries.filter(({ startOffset }) => startOffset <= offset)
    const last = dropped.at(-1)
    if (last === undefined || (dropped.length === 1 && last.startOffset === offset)) return
    this.#entries = [
      { epoch: last.epoch, startOffset: offset },
      ...this.#entries.slice(dropped.length),
    ]
    this.#persist()
  }

  clear(): void {
    this.#entries = []
    this.#persist()
  }

  /** Before the recovery point passes the start of an epoch, that epoch must be on the device. */
  flush(): void {
    if (this.#isDurable) return
    this.#write(this.#entries, true)
    this.#isDurable = true
  }

  #persist(): void {
    this.#write(this.#entries, false)
    this.#isDurable = false
  }
}
