import type { Random } from '../../src/base/ports.ts'

/** The same seed, the same numbers (splitmix32). */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  nextInt(bound: number): number {
    return Math.floor(this.#next() * bound)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#next() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[this.nextInt(values.length)] as T
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) bytes[i] = this.nextInt(256)
    return bytes
  }

  /** A stream of its own, so that more draws in one place do not shift those of another. */
  fork(): SeededRandom {
    return new SeededRandom(this.nextInt(0x7fffffff))
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 0x1_0000_0000
  }
}
