/** A client of the simulated cluster on a host of its own: our own client over simulated sockets. */

import type { Transport } from '../../src/base/ports.ts'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { KafkaError } from '../../src/client/kafka-error.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { ClientChannel } from '../../src/network/client-channel.ts'
import { metadata } from '../../src/protocol/messages/metadata.ts'
import type { MetadataTold } from './checkers/metadata-agreement.ts'
import type { SimNetwork } from './network.ts'
import type { FetchSeen, Operations, Partition } from './operations.ts'
import { BROKER_PORT, hostOf } from './sim-broker.ts'
import { SimProcess } from './sim-process.ts'
import { readTinyBatches, tinyBatch } from './tiny-batch.ts'

const METADATA_VERSION = 12

export interface SimClientOptions {
  readonly name: string
  readonly bootstrap: string
  readonly requestTimeoutMs?: number
}

export class SimClient {
  readonly process: SimProcess
  readonly admin: Admin
  readonly #cluster: ClusterClient
  readonly #partitions: PartitionClient
  readonly #operations: Operations
  readonly #transport: Transport

  constructor(network: SimNetwork, operations: Operations, options: SimClientOptions) {
    this.process = new SimProcess(network.world, options.name)
    this.#operations = operations
    const transport = network.transportOf(this.process)
    this.#transport = transport
    const { clock } = this.process
    this.#cluster = new ClusterClient(
      ({ host, port }) =>
        ClientChannel.connect(transport, clock, {
          host,
          port,
          clientId: options.name,
          connectTimeoutMs: 1000,
          requestTimeoutMs: options.requestTimeoutMs ?? 5000,
        }),
      clock,
      { bootstrap: options.bootstrap, callTimeoutMs: 10_000 },
    )
    this.admin = new Admin(this.#cluster)
    this.#partitions = new PartitionClient(this.#cluster)
  }

  /** One attempt. True when acknowledged; what became of it is written down. */
  async produce(at: Partition, value: string, acks: -1 | 1 = -1): Promise<boolean> {
    const { topic, partition } = at
    const batch = tinyBatch(value, this.process.clock.wallMs())
    try {
      const options = { acks, timeoutMs: 3000 }
      const { baseOffset } = await this.#partitions.produce(topic, partition, [batch], options)
      if (acks === -1) this.#operations.acked({ topic, partition, value, offset: baseOffset })
      return true
    } catch (error) {
      if (error instanceof KafkaError) this.#operations.failedCount += 1
      else this.#operations.unknownCount += 1
      return false
    }
  }

  /** One attempt, null when it failed. */
  async fetch(at: Partition, offset: number, maxWaitMs = 500): Promise<FetchSeen | null> {
    const { topic, partition } = at
    try {
      const brokerId = await this.#partitions.leaderOf(topic, partition)
      const options = { maxWaitMs }
      const answer = await this.#partitions.fetch(topic, partition, offset, options)
      const records = readTinyBatches(answer.records).filter((record) => record.offset >= offset)
      const { highWatermark } = answer
      const seen = { topic, partition, brokerId, askedOffset: offset, highWatermark, records }
      this.#operations.fetched(seen)
      return seen
    } catch {
      this.#partitions.forget(topic, partition)
      return null
    }
  }

  /** What this broker, and no other, tells of the cluster; null when it does not answer. */
  async metadataOf(brokerId: number): Promise<MetadataTold | null> {
    try {
      const channel = await ClientChannel.connect(this.#transport, this.process.clock, {
        host: hostOf(brokerId),
        port: BROKER_PORT,
        clientId: 'asker',
        connectTimeoutMs: 1000,
        requestTimeoutMs: 5000,
      })
      try {
        return await channel.send(metadata, METADATA_VERSION, { topics: null })
      } finally {
        channel.close()
      }
    } catch {
      return null
    }
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.process.after(ms, resolve))
  }

  async close(): Promise<void> {
    await this.#cluster.close()
    this.process.die()
  }
}
