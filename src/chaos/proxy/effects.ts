/**
 * What each toxic does to one direction of one connection. An effect looks at the piece that waits at
 * its place of the chain and passes it on, drops it or leaves it there for later; it holds no bytes
 * itself, so it can be exchanged or taken away at any moment and nothing is lost. Pure: time and
 * chance are given. All behaviour is Toxiproxy's except `cut`, which is ours.
 */
import type { Random } from '../../base/ports.ts'
import type { Attributes, Toxic, ToxicType } from './toxic.ts'

/** Seedable, so that a run can be had again. */
export type Dice = Pick<Random, 'nextInt'>

/** A piece of the stream and the moment at which it came, or would have come, to this place. */
export interface Chunk {
  readonly kind: 'chunk'
  readonly data: Buffer
  readonly atMs: number
}

/** `end`: the source ended; `close`: a toxic ends the connection. */
export interface Ending {
  readonly kind: 'end' | 'close'
}

/** The place of an effect in the chain. */
export interface Place {
  /** Bytes that were passed on since the toxic was added. */
  readonly passedBytes: number
  /** Whether the next place takes more now. */
  readonly hasRoom: boolean
  peek(): Chunk | Ending | null
  /** Passes on the first bytes of what waits, as of `atMs` (unchanged when not given). */
  pass(bytes: number, atMs?: number): void
  /** Passes on the ending that waits. */
  passEnding(): void
  /** What waits is lost; the stream has a hole from now on. */
  drop(): void
  /** Ends the connection after what was passed on. */
  close(): void
  /** Ends the connection at once; both peers see a reset. */
  reset(): void
}

export interface Effect {
  /** Does what can be done now. Answers when to be called again if nothing comes before; or null. */
  run(nowMs: number, place: Place): number | null
}

/** At most so much is split off at once by `bandwidth`. */
const BANDWIDTH_SLICE_MS = 100
/** Larger bounds are more than dice have sides. */
const LARGEST_SPREAD = 2 ** 40

export const PASS_ALL: Effect = {
  run(_nowMs, place) {
    while (place.hasRoom) {
      const head = place.peek()
      if (head === null) return null
      passHead(place, head)
    }
    return null
  },
}

const EFFECTS: Readonly<Record<ToxicType, (attributes: Attributes, random: Dice) => Effect>> = {
  latency: ({ latency = 0, jitter = 0 }, random) => new Latency(latency, jitter, random),
  bandwidth: ({ rate = 0 }) => new Bandwidth(rate),
  slow_close: ({ delay = 0 }) => new SlowClose(delay),
  timeout: ({ timeout = 0 }) => new Timeout(timeout),
  reset_peer: ({ timeout = 0 }) => new ResetPeer(timeout),
  slicer: ({ average_size: size = 0, size_variation: variation = 0, delay = 0 }, random) =>
    new Slicer(size, variation, delay / 1_000, random),
  limit_data: ({ bytes = 0 }) => new LimitData(bytes),
  noop: () => PASS_ALL,
  cut: () => CUT,
}

/** Toxicity decides once per connection, and anew when the toxic is changed. */
export function effectOf(toxic: Toxic, random: Dice): Effect {
  return isApplied(toxic, random) ? EFFECTS[toxic.type](toxic.attributes, random) : PASS_ALL
}

export function isApplied({ toxicity }: Toxic, random: Dice): boolean {
  const steps = 0x1_0000_0000
  return random.nextInt(steps) < toxicity * steps
}

function passHead(place: Place, head: Chunk | Ending): void {
  if (head.kind === 'chunk') place.pass(head.data.length)
  else place.passEnding()
}

/** A whole number in [-spread, spread). */
function shift(spread: number, random: Dice): number {
  const bound = Math.min(spread, LARGEST_SPREAD)
  return bound > 0 ? random.nextInt(bound * 2) - bound : 0
}

/** Everything later by the same time, counted from when it came; the end is not delayed. */
class Latency implements Effect {
  readonly #latencyMs: number
  readonly #jitterMs: number
  readonly #random: Dice
  /** Delay of the piece that waits. */
  #delayMs: number | null = null

  constructor(latencyMs: number, jitterMs: number, random: Dice) {
    this.#latencyMs = latencyMs
    this.#jitterMs = jitterMs
    this.#random = random
  }

  run(nowMs: number, place: Place): number | null {
    while (place.hasRoom) {
      const head = place.peek()
      if (head === null) return null
      if (head.kind !== 'chunk') {
        place.passEnding()
        continue
      }
      this.#delayMs ??= this.#nextDelayMs()
      const dueMs = head.atMs + this.#delayMs
      if (dueMs > nowMs) return dueMs
      this.#delayMs = null
      place.pass(head.data.length, dueMs)
    }
    return null
  }

  #nextDelayMs(): number {
    return Math.max(0, this.#latencyMs + shift(this.#jitterMs, this.#random))
  }
}

/** Passes `rate` bytes per millisecond; at a rate of 0 nothing. */
class Bandwidth implements Effect {
  readonly #rate: number
  /** When the piece under way is through. */
  #dueMs: number | null = null

  constructor(rate: number) {
    this.#rate = rate
  }

  run(nowMs: number, place: Place): number | null {
    let startMs = nowMs
    while (place.hasRoom) {
      const head = place.peek()
      if (head === null) return null
      if (head.kind !== 'chunk') {
        place.passEnding()
        continue
      }
      if (this.#rate <= 0) return null
      const bytes = Math.min(head.data.length, this.#rate * BANDWIDTH_SLICE_MS)
      this.#dueMs ??= startMs + bytes / this.#rate
      if (this.#dueMs > nowMs) return this.#dueMs
      place.pass(bytes)
      // A timer that was late is made up for, a link that stood still is not.
      startMs = Math.max(this.#dueMs, nowMs - BANDWIDTH_SLICE_MS)
      this.#dueMs = null
    }
    return null
  }
}

class SlowClose implements Effect {
  readonly #delayMs: number
  #dueMs: number | null = null

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  run(nowMs: number, place: Place): number | null {
    PASS_CHUNKS.run(nowMs, place)
    const head = place.peek()
    if (head === null || head.kind === 'chunk') return null
    this.#dueMs ??= nowMs + this.#delayMs
    if (this.#dueMs > nowMs) return this.#dueMs
    place.passEnding()
    return null
  }
}

const PASS_CHUNKS: Effect = {
  run(_nowMs, place) {
    while (place.hasRoom) {
      const head = place.peek()
      if (head?.kind !== 'chunk') return null
      place.pass(head.data.length)
    }
    return null
  },
}

/** Drops all; closes when nothing came for so long, or when the source ends. */
class Timeout implements Effect {
  readonly #timeoutMs: number
  #dueMs: number | null = null

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  run(nowMs: number, place: Place): number | null {
    for (let head = place.peek(); head !== null; head = place.peek()) {
      if (head.kind !== 'chunk') {
        place.close()
        return null
      }
      place.drop()
      this.#dueMs = null
    }
    if (this.#timeoutMs <= 0) return null
    this.#dueMs ??= nowMs + this.#timeoutMs
    if (this.#dueMs > nowMs) return this.#dueMs
    place.close()
    return null
  }
}

/** The first thing that comes starts the time; when it is over both sides are reset. */
class ResetPeer implements Effect {
  readonly #timeoutMs: number
  #dueMs: number | null = null

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  run(nowMs: number, place: Place): number | null {
    if (place.peek() === null) return null
    this.#dueMs ??= nowMs + this.#timeoutMs
    if (this.#dueMs > nowMs) return this.#dueMs
    place.reset()
    return null
  }
}

class Slicer implements Effect {
  readonly #averageSize: number
  readonly #sizeVariation: number
  readonly #delayMs: number
  readonly #random: Dice
  /** Sizes of the slices that the piece which waits is still to be cut into, the first one last. */
  #sizes: number[] = []
  #notBeforeMs = 0

  constructor(averageSize: number, sizeVariation: number, delayMs: number, random: Dice) {
    this.#averageSize = Math.max(1, averageSize)
    this.#sizeVariation = Math.max(0, sizeVariation)
    this.#delayMs = Math.max(0, delayMs)
    this.#random = random
  }

  run(nowMs: number, place: Place): number | null {
    while (place.hasRoom) {
      const head = place.peek()
      if (head === null) return null
      if (this.#notBeforeMs > nowMs) return this.#notBeforeMs
      if (head.kind !== 'chunk') {
        place.passEnding()
        continue
      }
      if (this.#sizes.length === 0) {
        this.#sizes = this.#cut(head.data.length)
        this.#notBeforeMs = nowMs
      }
      place.pass(this.#sizes.pop()!)
      // Timers know milliseconds, slices microseconds: several may be due at once.
      this.#notBeforeMs += this.#delayMs
    }
    return null
  }

  /** Halves, about, until each part is small enough. */
  #cut(bytes: number): number[] {
    const sizes: number[] = []
    const parts = [bytes]
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (part <= 1 || part - this.#averageSize <= this.#sizeVariation) {
        sizes.push(part)
        continue
      }
      const middle = Math.floor(part / 2) + shift(this.#sizeVariation, this.#random)
      const left = Math.min(Math.max(1, middle), part - 1)
      parts.push(left, part - left)
    }
    return sizes
  }
}

/** Closes as soon as so many bytes are through. */
class LimitData implements Effect {
  readonly #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  run(_nowMs: number, place: Place): number | null {
    while (place.hasRoom) {
      const head = place.peek()
      if (head === null) return null
      if (head.kind !== 'chunk') {
        place.passEnding()
        continue
      }
      const left = Math.max(0, this.#bytes - place.passedBytes)
      if (left > 0) place.pass(Math.min(left, head.data.length))
      if (place.passedBytes >= this.#bytes) {
        place.close()
        return null
      }
    }
    return null
  }
}

/** Nothing passes, not even the end. */
const CUT: Effect = {
  run(_nowMs, place) {
    while (place.peek() !== null) place.drop()
    return null
  },
}
