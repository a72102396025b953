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

  topic(name: string): TopicStats {
    let stats = this.topics.get(name)
    if (stats === undefined) {
      stats = new TopicStats()
      this.topics.set(name, stats)
    }
    return stats
  }
}
