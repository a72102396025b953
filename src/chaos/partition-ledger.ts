/**
 * The books of one partition: what its one writer sent and heard, what its reader saw, and what follows
 * from the two. Pure. Numbers are sent one after the other, each once, so:
 *
 * - lost: acknowledged at an offset, and the reader went past that offset without finding it there;
 * - duplicated: found at a second offset;
 * - reordered: acknowledged, and found behind a number that was sent after it.
 *
 * A write that failed may be in the log or not, and may arrive late: neither is anybody's mistake. What
 * is acknowledged and found is forgotten, so that hours of writing need no more memory than a minute.
 */
import { NumberRanges } from './number-ranges.ts'

export interface LedgerCounts {
  readonly acked: number
  readonly failed: number
  /** Found in the log for the first time, written by us, failed or not. */
  readonly consumed: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  /** Acknowledged, and the reader is not there yet. */
  readonly unchecked: number
}

/** Failures that are far apart; those in a row are one range. */
const RANGES_MAX = 10_000

export class PartitionLedger {
  #acked = 0
  #failed = 0
  #consumed = 0
  #lost = 0
  #duplicated = 0
  #reordered = 0
  #sent = 0
  /** Of the write under way: where it was found before its answer came. Null: none is under way. */
  #foundAt: number[] | null = null
  /** By number: acknowledged, not found at its offset yet. */
  readonly #pending = new Map<number, { readonly offset: number; isFound: boolean }>()
  /** May still be found for the first time: failed ones, and lost ones at a wrong offset. */
  readonly #missing = new NumberRanges(RANGES_MAX)
  /** Those of `#missing` that were acknowledged. */
  readonly #lostNumbers = new NumberRanges(RANGES_MAX)
  #highestFound = -1
  #position: number
  /** The furthest that the position has been. */
  #farthest: number

  /** The reader begins here. */
  constructor(startOffset = 0) {
    this.#position = startOffset
    this.#farthest = startOffset
  }

  get counts(): LedgerCounts {
    return {
      acked: this.#acked,
      failed: this.#failed,
      consumed: this.#consumed,
      lost: this.#lost,
      duplicated: this.#duplicated,
      reordered: this.#reordered,
      unchecked: this.#pending.size,
    }
  }

  /** Everything before it was read. */
  get position(): number {
    return this.#position
  }

  /** Everything before it was read at least once. */
  get farthest(): number {
    return this.#farthest
  }

  /** End of what was acknowledged and not found yet; 0 when there is no such. */
  get pendingEndOffset(): number {
    let end = 0
    for (const { offset } of this.#pending.values()) end = Math.max(end, offset + 1)
    return end
  }

  /** The next number; its outcome comes before the next one is sent. */
  send(): number {
    this.#foundAt = []
    return this.#sent++
  }

  /** The number under way was acknowledged. */
  ack(offset: number): void {
    const number = this.#sent - 1
    const foundAt = this.#foundAt!
    this.#foundAt = null
    this.#acked += 1
    if (foundAt.includes(offset)) return
    if (offset >= this.#position) {
      this.#pending.set(number, { offset, isFound: foundAt.length > 0 })
    } else {
      this.#lose(number, foundAt.length > 0)
    }
  }

  /** The number under way was refused, or nothing was heard. */
  fail(): void {
    this.#failed += 1
    if (this.#foundAt!.length === 0) this.#missing.add(this.#sent - 1)
    this.#foundAt = null
  }

  /** In the order of offsets. Null: a record that is not ours. */
  read(offset: number, number: number | null): void {
    if (number !== null && number < this.#sent) this.#find(number, offset)
    this.passed(offset + 1)
  }

  /** A record of ours where we did not write it. */
  misplaced(): void {
    this.#duplicated += 1
  }

  /** Nothing of ours lies before this offset but what was read. */
  passed(nextOffset: number): void {
    if (nextOffset <= this.#position) return
    this.#position = nextOffset
    this.#farthest = Math.max(this.#farthest, nextOffset)
    for (const [number, { offset, isFound }] of this.#pending) {
      if (offset >= nextOffset) continue
      this.#pending.delete(number)
      this.#lose(number, isFound)
    }
  }

  /** The log ends before what was read: it is read again from here. */
  wentBack(offset: number): void {
    this.#position = Math.min(this.#position, offset)
  }

  /** What was read is not there any more. */
  vanished(count: number): void {
    this.#lost += count
  }

  /** The reader has been to the end: what it has not found is not there. */
  settle(): void {
    for (const [number, { isFound }] of this.#pending) this.#lose(number, isFound)
    this.#pending.clear()
  }

  #lose(number: number, wasFound: boolean): void {
    this.#lost += 1
    if (wasFound) return
    this.#missing.add(number)
    this.#lostNumbers.add(number)
  }

  #find(number: number, offset: number): void {
    const isUnderWay = this.#foundAt !== null && number === this.#sent - 1
    if (isUnderWay) {
      if (this.#foundAt!.length === 0) this.#findFirst(number, true)
      else this.#findAgain(offset)
      this.#foundAt!.push(offset)
      return
    }
    const pending = this.#pending.get(number)
    if (pending !== undefined) {
      if (pending.isFound) this.#findAgain(offset)
      else this.#findFirst(number, true)
      pending.isFound = true
      if (pending.offset === offset) this.#pending.delete(number)
      return
    }
    if (this.#missing.delete(number)) this.#findFirst(number, this.#lostNumbers.delete(number))
    else this.#findAgain(offset)
  }

  /** What is read again after the log went back may be what was there before. */
  #findAgain(offset: number): void {
    if (offset >= this.#farthest) this.#duplicated += 1
  }

  #findFirst(number: number, isAcked: boolean): void {
    this.#consumed += 1
    if (isAcked && number < this.#highestFound) this.#reordered += 1
    this.#highestFound = Math.max(this.#highestFound, number)
  }
}
