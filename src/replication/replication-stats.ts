/** Counters of what replication has done; whoever exports metrics reads the fields. */

export class TopicStats {
  messagesIn = 0
  bytesIn = 0
  bytesOut = 0
  totalProduceRequests = 0
  failedProduceRequests = 0
  totalFetchRequests = 0
  failedFetchRequests = 0
  /** Between brokers, not in `bytesIn` and `bytesOut`. */
  replicationBytesIn = 0
  replicationBytesOut = 0
}

export class ReplicationStats {
  isrShrinks = 0
  isrExpands = 0
  failedIsrUpdates = 0
  delayedProduceExpirations = 0
  delayedFetchExpirations = 0
  incrementalFetchSessionEvictions = 0
  readonly topics = new Map<string, TopicStats>()
  /** Sums of the topics that are gone: what is told of all topics together never falls. */
  readonly #forgotten = new TopicStats()

  topic(name: string): TopicStats {
    let stats = this.topics.get(name)
    if (stats === undefined) {
      stats = new TopicStats()
      this.topics.set(name, stats)
    }
    return stats
  }

  forgetTopic(name: string): void {
    const stats = this.topics.get(name)
    if (stats === undefined) return
    addTo(this.#forgotten, stats)
    this.topics.delete(name)
  }

  allTopics(): TopicStats {
    const sum = new TopicStats()
    addTo(sum, this.#forgotten)
    for (const stats of this.topics.values()) addTo(sum, stats)
    return sum
  }
}

function addTo(sum: TopicStats, stats: TopicStats): void {
  for (const name of Object.keys(sum) as (keyof TopicStats)[]) sum[name] += stats[name]
}
