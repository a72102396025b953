/**
 * Events as the frames that viewers get. Every frame is made once, whoever asks for it: 200 viewers that
 * come back at the same time after a restart cost one encoding. A full span of events keeps its frame.
 */
import type { EventLog } from './event-log.ts'

/** Events in one frame of history. */
export const SPAN = 500

export interface Frame {
  readonly bytes: Buffer
  /** Number of the event after the last in it. */
  readonly nextSeq: number
}

export class EncodedHistory {
  readonly #log: EventLog
  /** By the number of the first event; only spans that are complete. */
  readonly #spans = new Map<number, Buffer>()
  /** What was encoded last: all who keep up ask for the same. */
  #latest: (Frame & { readonly seq: number }) | null = null
  #firstKeptSeq = 0

  constructor(log: EventLog) {
    this.#log = log
  }

  /** Of the oldest event that is still there. */
  get firstSeq(): number {
    return this.#log.events[0]?.seq ?? 0
  }

  /** Of the event that comes next. */
  get nextSeq(): number {
    return (this.#log.events.at(-1)?.seq ?? -1) + 1
  }

  /** From here on events are as they came; those before may be rewritten by a fold. */
  get firstKeptSeq(): number {
    return Math.max(this.#log.firstKeptSeq ?? 0, this.firstSeq)
  }

  /** From `seq` on: one event when only one is left, else up to the end of its span. */
  frameFrom(seq: number): Frame {
    const { nextSeq } = this
    this.#forgetFolded()
    if (this.#latest?.seq === seq && this.#latest.nextSeq === nextSeq) return this.#latest
    const start = seq - (seq % SPAN)
    const end = start + SPAN
    if (seq !== start || end > nextSeq) {
      const until = Math.min(end, nextSeq)
      const bytes = until === seq + 1 ? this.#single(seq) : this.#encode(seq, until)
      const frame = { seq, bytes, nextSeq: until }
      if (until === nextSeq) this.#latest = frame
      return frame
    }
    let bytes = this.#spans.get(start)
    if (bytes === undefined) {
      bytes = this.#encode(start, end)
      this.#spans.set(start, bytes)
    }
    return { bytes, nextSeq: end }
  }

  #single(seq: number): Buffer {
    return Buffer.from(JSON.stringify(this.#log.events[seq - this.firstSeq]))
  }

  #encode(from: number, until: number): Buffer {
    const { firstSeq } = this
    const events = this.#log.events.slice(from - firstSeq, until - firstSeq)
    return Buffer.from(JSON.stringify({ kind: 'history', events }))
  }

  #forgetFolded(): void {
    if (this.firstKeptSeq === this.#firstKeptSeq) return
    this.#firstKeptSeq = this.firstKeptSeq
    this.#spans.clear()
    this.#latest = null
  }
}
