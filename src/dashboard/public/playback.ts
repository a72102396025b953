/**
 * Which moment the page shows: the newest (`live`), one at which it is held, or one that runs through
 * the past at a speed of choice. Knows no browser: the time it runs by is given to it.
 */
import type { EventStore } from './event-store.ts'

export type PlaybackMode = 'live' | 'held' | 'playing'

export class Playback {
  readonly #store: EventStore
  #mode: PlaybackMode = 'live'
  #cursor = 0
  #atMs = 0
  #speed = 1
  /** Page time at which `#atMs` held. */
  #sinceMs = 0

  constructor(store: EventStore) {
    this.#store = store
  }

  get mode(): PlaybackMode {
    return this.#mode
  }

  get speed(): number {
    return this.#speed
  }

  /** How many of the events are shown. */
  get cursor(): number {
    return this.#mode === 'live' ? this.#store.events.length : this.#cursor
  }

  /** The moment that is shown, by the observer's clock. */
  get atMs(): number {
    return this.#mode === 'live' ? this.#store.endMs : this.#atMs
  }

  goLive(): void {
    this.#mode = 'live'
  }

  hold(): void {
    if (this.#mode === 'live') this.seekTo(this.#store.events.length)
    this.#mode = 'held'
  }

  /** From the beginning when the end is shown. */
  play(nowMs: number): void {
    const { length } = this.#store.events
    if (this.#mode === 'live' || this.#cursor >= length) {
      this.#cursor = Math.min(1, length)
      this.#atMs = this.#store.startMs
    }
    this.#mode = 'playing'
    this.#sinceMs = nowMs
  }

  setSpeed(speed: number): void {
    this.#speed = speed
  }

  /** After the first `cursor` events. */
  seekTo(cursor: number): void {
    const { events, startMs } = this.#store
    this.#mode = 'held'
    this.#cursor = Math.max(Math.min(1, events.length), Math.min(cursor, events.length))
    this.#atMs = events[this.#cursor - 1]?.atMs ?? startMs
  }

  seekToTime(atMs: number): void {
    this.seekTo(this.#store.cursorAt(atMs))
    this.#atMs = Math.min(Math.max(atMs, this.#store.startMs), this.#store.endMs)
  }

  step(events: number): void {
    this.seekTo(this.cursor + events)
  }

  /** Called for each frame. True when it played and has come to the end. */
  advance(nowMs: number): boolean {
    if (this.#mode !== 'playing') return false
    this.#atMs += (nowMs - this.#sinceMs) * this.#speed
    this.#sinceMs = nowMs
    this.#cursor = this.#store.cursorAt(this.#atMs)
    if (this.#cursor < this.#store.events.length) return false
    this.#atMs = this.#store.endMs
    this.#mode = 'held'
    return true
  }

  /** The places of events are others now: goes on by time. */
  relocate(): void {
    if (this.#mode === 'live') return
    const mode = this.#mode
    this.seekToTime(this.#atMs)
    this.#mode = mode
  }
}
