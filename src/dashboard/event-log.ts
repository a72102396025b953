/**
 * What the server needs of a history: the events it still has, and each new one. The observer of a live
 * cluster is one; a recorded run is another, to which nothing is ever added.
 */
import fs from 'node:fs/promises'
import { parseEventLines } from './history/event-lines.ts'
import type { ClusterEvent } from './history/events.ts'

export interface EventLog {
  /** Oldest first; their numbers have no holes. The oldest may be dropped over time. */
  readonly events: readonly ClusterEvent[]
  /** Events before it were rewritten by a fold; absent: none ever is. */
  readonly firstKeptSeq?: number
  /** Returns what ends it. */
  onEvent(listener: (event: ClusterEvent) => void): () => void
}

export class RecordedHistory implements EventLog {
  readonly events: readonly ClusterEvent[]

  constructor(events: readonly ClusterEvent[]) {
    this.events = events
  }

  /** Throws with the line's number when a line is no event. */
  static async open(file: string): Promise<RecordedHistory> {
    const { events, problems } = parseEventLines(await fs.readFile(file, 'utf8'))
    if (events.length === 0) {
      throw new Error(`${file} holds no events: ${problems[0] ?? 'it is empty'}`)
    }
    return new RecordedHistory(events)
  }

  onEvent(): () => void {
    return () => {}
  }
}
