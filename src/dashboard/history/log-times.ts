/**
 * When a line of a broker's log was said, by the observer's clock. Lines come at once, but for those
 * that a broker keeps for who connects: they are placed by the broker's own clock, and how far that
 * one is off shows in the line that came fastest.
 */
import type { BrokerLogEvent } from './events.ts'

/** A line that is so much later than the fastest was kept. */
const LATE_MS = 1_000

export class LogTimes {
  readonly #offsets = new Map<number, number>()

  placeOf({ brokerId, atMs, brokerAtMs }: BrokerLogEvent): number {
    const offset = atMs - brokerAtMs
    const least = Math.min(this.#offsets.get(brokerId) ?? Number.POSITIVE_INFINITY, offset)
    this.#offsets.set(brokerId, least)
    return offset - least > LATE_MS ? brokerAtMs + least : atMs
  }
}
