/**
 * Hands out producer ids from blocks of 1000 that the controller allocates (AllocateProducerIds). The
 * next block is asked for when 90 % of the current one is used. Ids are unique in the cluster and
 * never reused; gaps are normal (Kafka's `RPCProducerIdManager`).
 */
import type { Clock } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'

export interface ProducerIdBlock {
  readonly start: number
  readonly length: number
}

export type AllocateBlock = () => Promise<
  | { readonly kind: 'ok'; readonly block: ProducerIdBlock }
  | { readonly kind: 'error'; readonly reason: string }
>

export type ProducerIdResult =
  | { readonly kind: 'ok'; readonly producerId: number }
  | { readonly kind: 'error'; readonly code: ErrorCode }

const PREFETCH_AT = 0.9
const RETRY_MS = 50
/** How long a client's request waits for a block before it is told to come again. */
const WAIT_MS = 1_000

export class ProducerIds {
  readonly #clock: Clock
  readonly #allocate: AllocateBlock
  #current: ProducerIdBlock = { start: 0, length: 0 }
  #used = 0
  #next: ProducerIdBlock | null = null
  #asking = false
  #retryAtMs = 0
  #waiting: (() => void)[] = []

  constructor(clock: Clock, allocate: AllocateBlock) {
    this.#clock = clock
    this.#allocate = allocate
  }

  /** COORDINATOR_LOAD_IN_PROGRESS, which clients retry, while no block is to be had. */
  async generate(): Promise<ProducerIdResult> {
    if (this.#available() === 0) {
      this.#ask()
      await this.#untilBlock()
    }
    if (this.#available() === 0) {
      return { kind: 'error', code: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
    }
    if (this.#used === this.#current.length && this.#next !== null) {
      this.#current = this.#next
      this.#next = null
      this.#used = 0
    }
    const producerId = this.#current.start + this.#used
    this.#used += 1
    if (this.#used >= this.#current.length * PREFETCH_AT && this.#next === null) this.#ask()
    return { kind: 'ok', producerId }
  }

  #available(): number {
    return this.#current.length - this.#used + (this.#next?.length ?? 0)
  }

  #ask(): void {
    if (this.#asking || this.#clock.monotonicMs() < this.#retryAtMs) return
    this.#asking = true
    void this.#allocate().then((outcome) => {
      this.#asking = false
      if (outcome.kind === 'ok' && outcome.block.start >= this.#endOfCurrent()) {
        this.#next = outcome.block
      } else {
        this.#retryAtMs = this.#clock.monotonicMs() + RETRY_MS
      }
      const waiting = this.#waiting
      this.#waiting = []
      for (const wake of waiting) wake()
    })
  }

  #endOfCurrent(): number {
    return this.#current.start + this.#current.length
  }

  #untilBlock(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(WAIT_MS, resolve)
      this.#waiting.push(() => {
        cancel()
        resolve()
      })
    })
  }
}
