/**
 * The segments of one log, ascending by base offset; the last one, the active one, is written. There is
 * always one. What a power loss may do to them is decided here: when names and bytes reach the device.
 */
import type { Disk } from '../base/ports.ts'
import { Segment } from './segment.ts'
import { segmentIndexOf } from './segment-lookup.ts'

export class SegmentList {
  readonly #disk: Disk
  readonly #directory: string
  #segments: Segment[]

  constructor(disk: Disk, directory: string, segments: Segment[]) {
    this.#disk = disk
    this.#directory = directory
    this.#segments = segments
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1]!
  }

  /** Of the first segment that is not on the device; everything below is. */
  get durableEnd(): number {
    return (this.#segments.find(({ isDurable }) => !isDurable) ?? this.active).baseOffset
  }

  /** No more is written to the active one. */
  finish(): void {
    this.active.finish()
    // What was cut off might end, by chance, where the next segment begins.
    if (this.active.mayGrowBack) this.active.flush()
  }

  /** A new active one; its name is on the device. */
  add(baseOffset: number, nowMs: number): void {
    const segment = this.#create(baseOffset, nowMs)
    this.syncNames()
    this.#segments.push(segment)
  }

  /** Everything from `offset` on, and what was cut since it was last on the device. */
  flush(offset: number): void {
    const first = segmentIndexOf(this.#segments, offset)
    for (const [index, segment] of this.#segments.entries()) {
      if (index >= first || !segment.isDurable) segment.flush()
    }
    const hasNewNames = first < this.#segments.length - 1
    if (hasNewNames || offset <= this.#segments[0]!.baseOffset) this.syncNames()
  }

  /** What is not on the device yet, without blocking. */
  async flushAsync(): Promise<void> {
    const unsynced = this.#segments.filter(({ isDurable }) => !isDurable)
    await Promise.all(unsynced.map((each) => each.flushAsync()))
  }

  /** The whole batch that holds `offset` goes, and all behind it. Returns where the log ends then. */
  cutAt(offset: number): { readonly end: number; readonly hasRemoved: boolean } {
    const count = this.#segments.length
    while (this.#segments.length > 1 && this.active.baseOffset >= offset) {
      this.#segments.pop()!.markDeleted()()
    }
    const end = this.active.truncateTo(offset)
    return { end, hasRemoved: this.#segments.length < count }
  }

  /** One empty segment in place of all. */
  restartAt(offset: number, nowMs: number): void {
    for (const segment of this.#segments) segment.markDeleted()()
    this.#segments = [this.#create(offset, nowMs)]
  }

  /** Takes out the oldest; the returned functions remove the files. */
  removeFirst(count: number): (() => void)[] {
    return this.#segments.splice(0, count).map((segment) => segment.markDeleted())
  }

  /** Which files there are is on the device. */
  syncNames(): void {
    this.#disk.syncDirectory(this.#directory)
  }

  close(): void {
    for (const segment of this.#segments) segment.close()
  }

  #create(baseOffset: number, nowMs: number): Segment {
    const segment = new Segment(this.#disk, this.#directory, baseOffset, nowMs)
    segment.create()
    return segment
  }
}
