/** What views are given, and what they may ask of the page. */
import type { ShownCluster } from './cluster-at.ts'
import type { EventStore } from './event-store.ts'
import type { PlaybackMode } from './playback.ts'

export interface Shown {
  readonly store: EventStore
  /** How many of the events are shown. */
  readonly cursor: number
  /** The moment, by the observer's clock; it goes on without events while the page is live. */
  readonly atMs: number
  readonly mode: PlaybackMode
  /** Of a file, here or at the server: nothing will ever be added. */
  readonly isRecorded: boolean
  /** The server is heard. */
  readonly isConnected: boolean
  readonly cluster: ShownCluster
  readonly selection: Selection
}

export interface Selection {
  readonly brokerId: number | null
  /** `topic-0` */
  readonly partition: string | null
  readonly znode: string | null
  /** Start of the failover that is looked at; null: the newest. */
  readonly failover: string | null
}

export interface View {
  render(shown: Shown): void
}

export interface Page {
  /** As it is by now; what is drawn may be a frame behind. */
  readonly selection: Selection
  select(change: Partial<Selection>): void
  seek(cursor: number): void
  seekToTime(atMs: number): void
  /** Draws again with the next frame. */
  invalidate(): void
  /** For those who hear the page instead of seeing it. */
  say(text: string): void
  /** A message that stays until it is closed. */
  notice(text: string): void
}
