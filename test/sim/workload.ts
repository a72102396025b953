/** A producer and a consumer for each partition, until told to stop. */

import type { SeededRandom } from '../support/seeded-random.ts'
import { keyOf, type Partition } from './operations.ts'
import type { SimClient } from './sim-client.ts'

export interface WorkloadOptions {
  /** Mean pause between two records of one producer. */
  readonly produceEveryMs: number
}

export class Workload {
  readonly #random: SeededRandom
  readonly #options: WorkloadOptions
  readonly #loops: Promise<void>[] = []
  /** Acknowledged records by partition, so that one sees progress. */
  readonly acked = new Map<string, number>()
  /** The next offset to read, by partition. */
  readonly positions = new Map<string, number>()
  #isProducing = true
  #isConsuming = true

  constructor(random: SeededRandom, options: WorkloadOptions) {
    this.#random = random
    this.#options = options
  }

  start(partitions: readonly Partition[], clientOf: (name: string) => SimClient): void {
    for (const at of partitions) {
      this.acked.set(keyOf(at), 0)
      this.positions.set(keyOf(at), 0)
      this.#loops.push(this.#produce(at, clientOf(`producer-${keyOf(at)}`)))
      this.#loops.push(this.#consume(at, clientOf(`consumer-${keyOf(at)}`)))
    }
  }

  stopProducing(): void {
    this.#isProducing = false
  }

  /** Resolves when all loops have ended. */
  async stop(): Promise<void> {
    this.#isProducing = false
    this.#isConsuming = false
    await Promise.all(this.#loops)
  }

  async #produce(at: Partition, client: SimClient): Promise<void> {
    const key = keyOf(at)
    for (let sequence = 0; this.#isProducing; sequence++) {
      const isAcked = await client.produce(at, `${key}/${sequence}`)
      if (isAcked) this.acked.set(key, (this.acked.get(key) ?? 0) + 1)
      const pauseMs = isAcked ? this.#options.produceEveryMs * 2 : 200
      await client.pause(this.#random.nextInt(pauseMs) + 1)
    }
  }

  async #consume(at: Partition, client: SimClient): Promise<void> {
    const key = keyOf(at)
    while (this.#isConsuming) {
      const seen = await client.fetch(at, this.positions.get(key) ?? 0)
      const last = seen?.records.at(-1)
      if (last !== undefined) this.positions.set(key, last.offset + 1)
      else if (seen === null) await client.pause(100)
    }
  }
}
