/**
 * Brings changes back into the order in which ZooKeeper made them, as far as watches allow. A watch
 * that fires opens a slot; the reads that it causes fill it; changes leave from the head, as soon as
 * all slots before theirs are closed. Among those that leave together the zxid decides, because a
 * read may show a later change than the one that its watch told of.
 */
import type { Clock } from '../../base/ports.ts'
import type { ZkStat } from '../../zk/zk-client.ts'

export interface ZnodeView {
  readonly text: string | null
  readonly stat: ZkStat
}

export interface TreeChange {
  readonly kind: 'found' | 'created' | 'changed' | 'deleted'
  readonly path: string
  readonly before: ZnodeView | null
  readonly after: ZnodeView | null
  readonly atMs: number
}

export interface Slot {
  readonly changes: TreeChange[]
  isClosed: boolean
  next: Slot | null
}

export class ChangeOrder {
  readonly #clock: Clock
  readonly #emit: (change: TreeChange) => void
  #head: Slot | null = null
  #tail: Slot | null = null
  #cancelFlush: (() => void) | null = null
  #lastAtMs = 0

  constructor(clock: Clock, emit: (change: TreeChange) => void) {
    this.#clock = clock
    this.#emit = emit
  }

  /** Behind all others, or right behind `after` while that one is still open. */
  open(after?: Slot): Slot {
    const slot: Slot = { changes: [], isClosed: false, next: after?.next ?? null }
    if (after !== undefined) after.next = slot
    else if (this.#tail !== null) this.#tail.next = slot
    if (slot.next === null) this.#tail = slot
    this.#head ??= slot
    return slot
  }

  close(slot: Slot): void {
    slot.isClosed = true
    // A little later: what the same packet brought then leaves together.
    if (slot === this.#head) this.#cancelFlush ??= this.#clock.after(0, () => this.flush())
  }

  /** Everything that is complete leaves now. */
  flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = null
    const changes: TreeChange[] = []
    while (this.#head?.isClosed === true) {
      changes.push(...this.#head.changes)
      this.#head = this.#head.next
    }
    if (this.#head === null) this.#tail = null
    for (const change of sorted(changes)) {
      this.#lastAtMs = Math.max(this.#lastAtMs, change.atMs)
      this.#emit({ ...change, atMs: this.#lastAtMs })
    }
  }

  /** The session is gone, and with it the reads that were under way. */
  drop(): void {
    this.flush()
    this.#head = null
    this.#tail = null
  }
}

/** The zxid of a deletion is not known: it stays behind what was heard before it. */
function sorted(changes: readonly TreeChange[]): TreeChange[] {
  let highest = 0n
  const keyed = changes.map((change) => {
    const key = zxidOf(change) ?? highest
    if (key > highest) highest = key
    return { change, key }
  })
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return keyed.map(({ change }) => change)
}

/** A node that was made and changed before it was read counts from when it was made. */
function zxidOf({ kind, after }: TreeChange): bigint | null {
  if (kind === 'found') return 0n
  if (after === null) return null
  return kind === 'created' ? after.stat.czxid : after.stat.mzxid
}
