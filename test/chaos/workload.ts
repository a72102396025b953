/** Unique values written with acks=all, one try each, and read back at the end. */
import type { ClusterClient } from '../../src/client/cluster-client.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { forEachBatch } from '../../src/records/batches.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { readRecords } from '../../src/records/reader.ts'

export interface Verdict {
  readonly acked: number
  readonly failed: number
  readonly lost: number
  readonly duplicated: number
  readonly longestGapMs: number
}

const PAUSE_MS = 10

export class Workload {
  readonly #client: PartitionClient
  readonly #topic: string
  readonly #partitions: number
  readonly #acked = new Map<string, { partition: number; offset: number }>()
  #failed = 0
  #lastAckMs = 0
  #longestGapMs = 0
  #isRunning = false
  #writers: Promise<void>[] = []

  constructor(client: ClusterClient, topic: string, partitions: number) {
    this.#client = new PartitionClient(client)
    this.#topic = topic
    this.#partitions = partitions
  }

  get ackedCount(): number {
    return this.#acked.size
  }

  start(): void {
    this.#isRunning = true
    this.#lastAckMs = performance.now()
    this.#writers = Array.from({ length: this.#partitions }, (_, at) => this.#write(at))
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#writers)
  }

  async #write(partition: number): Promise<void> {
    for (let number = 0; this.#isRunning; number++) {
      const value = `${partition}-${number}`
      const batch = buildBatch([{ value, timestamp: Date.now() }])
      try {
        const options = { timeoutMs: 3_000 }
        const { baseOffset } = await this.#client.produce(this.#topic, partition, [batch], options)
        this.#acked.set(value, { partition, offset: baseOffset })
        const nowMs = performance.now()
        this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastAckMs)
        this.#lastAckMs = nowMs
      } catch {
        this.#failed += 1
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  async verify(): Promise<Verdict> {
    const seen = new Map<string, number[]>()
    for (let partition = 0; partition < this.#partitions; partition++) {
      await this.#readAll(partition, seen)
    }
    let lost = 0
    for (const [value, { offset }] of this.#acked) {
      if (!seen.get(value)?.includes(offset)) lost += 1
    }
    const duplicated = [...seen.values()].filter((offsets) => offsets.length > 1).length
    const longestGapMs = Math.round(this.#longestGapMs)
    return { acked: this.#acked.size, failed: this.#failed, lost, duplicated, longestGapMs }
  }

  async #readAll(partition: number, seen: Map<string, number[]>): Promise<void> {
    for (let offset = 0; ; ) {
      const { records, highWatermark } = await this.#client.fetch(this.#topic, partition, offset)
      forEachBatch(records, (at) => {
        for (const record of readRecords(records, at)) {
          if (record.offset < offset) continue
          const value = String(record.value)
          seen.set(value, [...(seen.get(value) ?? []), record.offset])
          offset = record.offset + 1
        }
      })
      if (offset >= highWatermark) return
    }
  }
}
