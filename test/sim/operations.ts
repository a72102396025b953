/** What the clients of a simulated cluster did and saw; the checkers listen. */

export interface Partition {
  readonly topic: string
  readonly partition: number
}

export interface Ack extends Partition {
  readonly value: string
  readonly offset: number
}

/** One answer to a consumer's fetch. */
export interface FetchSeen extends Partition {
  readonly brokerId: number
  readonly askedOffset: number
  readonly highWatermark: number
  readonly records: readonly { offset: number; leaderEpoch: number; value: string }[]
}

export interface OperationListener {
  onAck?(ack: Ack): void
  onFetch?(fetch: FetchSeen): void
}

export class Operations {
  readonly #listeners: OperationListener[] = []
  readonly acks: Ack[] = []
  /** Sent, but with an outcome that nobody knows. */
  unknownCount = 0
  failedCount = 0
  readCount = 0

  listen(listener: OperationListener): void {
    this.#listeners.push(listener)
  }

  acked(ack: Ack): void {
    this.acks.push(ack)
    for (const listener of this.#listeners) listener.onAck?.(ack)
  }

  fetched(fetch: FetchSeen): void {
    this.readCount += fetch.records.length
    for (const listener of this.#listeners) listener.onFetch?.(fetch)
  }
}

export function keyOf({ topic, partition }: Partition): string {
  return `${topic}-${partition}`
}
