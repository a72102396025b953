/**
 * One direction of one connection: what comes from the source goes through a chain of toxics to the
 * other side. Each place has a bounded queue; when the first is full the source is told to wait, and
 * when the other side takes nothing the last one fills, so that back-pressure travels through.
 * Toxics are added, changed and taken away under way; what waited at their place goes on.
 *
 * A stream with a hole is never delivered: when what made the hole is taken away or misses its
 * toxicity, the connection ends. Apart from sockets, so that a fake clock decides its tests.
 */
import type { Clock } from '../../base/ports.ts'
import { ChunkQueue } from './chunk-queue.ts'
import { type Dice, type Effect, effectOf, PASS_ALL, type Place } from './effects.ts'
import type { Toxic } from './toxic.ts'

/** What a link does to the world. */
export interface LinkEnds {
  /** Whether `write` is welcome; `Link.resume` is to be called when it is again. */
  readonly hasRoom: boolean
  write(data: Buffer): void
  /** Nothing follows. `close`: a toxic ends the whole connection. */
  onEnd(kind: 'end' | 'close'): void
  /** Both sockets are to be reset. */
  onReset(): void
  /** Whether the source may send. Called only when it changes. */
  onFlow(isFlowing: boolean): void
}

interface Stage {
  toxic: Toxic
  effect: Effect
  readonly queue: ChunkQueue
  passedBytes: number
  /** Something that came here was dropped. */
  hasHole: boolean
}

export class Link {
  readonly #clock: Clock
  readonly #random: Dice
  readonly #ends: LinkEnds
  readonly #stages: Stage[] = []
  readonly #outbox = new ChunkQueue()
  /** Stages, counted from the source, that a toxic's close has cut off; what comes is dropped. */
  #closedStages = 0
  #isClosed = false
  #hasMoved = false
  #isFlowing = true
  /** Nothing moves yet; what comes waits where it came. */
  #isHeld = false
  #isSourceEnded = false
  #isEnded = false
  #wakeMs: number | null = null
  #cancelTimer: (() => void) | null = null

  constructor(clock: Clock, random: Dice, toxics: readonly Toxic[], ends: LinkEnds) {
    this.#clock = clock
    this.#random = random
    this.#ends = ends
    for (const toxic of toxics) this.#stages.push(this.#newStage(toxic))
  }

  /** The ending was delivered, or never will be. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Bytes that wait in the chain. */
  get bytes(): number {
    return this.#stages.reduce((sum, { queue }) => sum + queue.bytes, this.#outbox.bytes)
  }

  push(data: Buffer): void {
    if (this.#isEnded || this.#isSourceEnded || this.#isClosed) return
    const isClear = this.#stages.length === 0 && this.#outbox.bytes === 0 && !this.#isHeld
    if (isClear && this.#ends.hasRoom) {
      this.#ends.write(data)
      return
    }
    this.#first.push({ kind: 'chunk', data, atMs: this.#clock.monotonicMs() })
    this.resume()
  }

  sourceEnded(): void {
    if (this.#isEnded || this.#isSourceEnded) return
    this.#isSourceEnded = true
    if (!this.#isClosed) this.#first.push({ kind: 'end' })
    this.resume()
  }

  /** Moves on what can be moved on; to be called when `hasRoom` has become true. */
  resume(): void {
    if (this.#isEnded) return
    if (this.#isHeld) {
      this.#updateFlow()
      return
    }
    const nowMs = this.#clock.monotonicMs()
    let wakeMs: number | null
    do {
      this.#hasMoved = false
      wakeMs = null
      this.#deliver()
      for (let at = this.#stages.length - 1; at >= this.#closedStages; at--) {
        if (this.#isEnded) return
        const stage = this.#stages[at]!
        const dueMs = stage.effect.run(nowMs, this.#placeOf(stage, at))
        if (dueMs !== null) wakeMs = Math.min(wakeMs ?? dueMs, dueMs)
      }
    } while (this.#hasMoved && !this.#isEnded)
    if (this.#isEnded) return
    this.#wakeAt(wakeMs)
    this.#updateFlow()
  }

  /** Nothing moves until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.resume()
  }

  /** At the end of the chain. */
  add(toxic: Toxic): void {
    if (this.#isEnded) return
    this.#stages.push(this.#newStage(toxic))
    this.resume()
  }

  /** The toxic of this name has these attributes and this toxicity from now on. */
  update(toxic: Toxic): void {
    const stage = this.#stageOf(toxic)
    if (stage === undefined || this.#isEnded) return
    stage.toxic = toxic
    stage.effect = effectOf(toxic, this.#random)
    if (stage.hasHole && stage.effect === PASS_ALL) this.#end('reset')
    else this.resume()
  }

  remove(toxic: Toxic): void {
    const stage = this.#stageOf(toxic)
    if (stage === undefined || this.#isEnded) return
    const at = this.#stages.indexOf(stage)
    if (stage.hasHole && toxic.type === 'cut') {
      this.#end('reset')
      return
    }
    // As Toxiproxy does it, whether or not anything was lost.
    if (toxic.type === 'timeout' && stage.effect !== PASS_ALL) this.#closeAt(at)
    const next = this.#stages[at + 1]?.queue ?? this.#outbox
    for (let item = stage.queue.shift(); item !== null; item = stage.queue.shift()) next.push(item)
    this.#stages.splice(at, 1)
    if (this.#closedStages > at) this.#closedStages -= 1
    this.resume()
  }

  /** Drops everything; nothing is called back any more. */
  stop(): void {
    this.#isEnded = true
    this.#wakeAt(null)
    for (const { queue } of this.#stages) queue.clear()
    this.#outbox.clear()
  }

  get #first(): ChunkQueue {
    return this.#stages[0]?.queue ?? this.#outbox
  }

  #newStage(toxic: Toxic): Stage {
    const queue = new ChunkQueue(toxic.type === 'latency' ? 'wide' : 'narrow')
    const effect = effectOf(toxic, this.#random)
    return { toxic, effect, queue, passedBytes: 0, hasHole: false }
  }

  #stageOf({ name }: Toxic): Stage | undefined {
    return this.#stages.find((stage) => stage.toxic.name === name)
  }

  #placeOf(stage: Stage, at: number): Place {
    const next = this.#stages[at + 1]?.queue ?? this.#outbox
    return {
      get passedBytes() {
        return stage.passedBytes
      },
      get hasRoom() {
        return next.hasRoom
      },
      peek: () => stage.queue.peek(),
      pass: (bytes, atMs) => {
        const chunk = stage.queue.shiftBytes(bytes)
        if (chunk === null) return
        stage.passedBytes += chunk.data.length
        next.push(atMs === undefined ? chunk : { ...chunk, atMs })
        this.#hasMoved = true
      },
      passEnding: () => {
        const ending = stage.queue.shift()
        if (ending !== null) next.push(ending)
        this.#hasMoved = true
      },
      drop: () => {
        stage.queue.shift()
        stage.hasHole = true
        this.#hasMoved = true
      },
      close: () => this.#closeAt(at),
      reset: () => this.#end('reset'),
    }
  }

  /** What comes after this is dropped at the source. */
  #closeAt(at: number): void {
    if (at < this.#closedStages) return
    this.#isClosed = true
    for (const { queue } of this.#stages.slice(0, at + 1)) queue.clear()
    const next = this.#stages[at + 1]?.queue ?? this.#outbox
    next.push({ kind: 'close' })
    this.#closedStages = at + 1
    this.#hasMoved = true
  }

  #deliver(): void {
    while (this.#ends.hasRoom) {
      const item = this.#outbox.shift()
      if (item === null) return
      this.#hasMoved = true
      if (item.kind !== 'chunk') {
        this.#end(item.kind)
        return
      }
      this.#ends.write(item.data)
    }
  }

  #end(kind: 'end' | 'close' | 'reset'): void {
    if (this.#isEnded) return
    this.stop()
    if (kind === 'reset') this.#ends.onReset()
    else {
      // The source is heard to its end, so that its own closing is seen.
      if (!this.#isFlowing) this.#ends.onFlow(true)
      this.#ends.onEnd(kind)
    }
  }

  #wakeAt(wakeMs: number | null): void {
    if (wakeMs === this.#wakeMs) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#wakeMs = wakeMs
    if (wakeMs === null) return
    const delayMs = Math.max(0, wakeMs - this.#clock.monotonicMs())
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = null
      this.#wakeMs = null
      this.resume()
    })
  }

  #updateFlow(): void {
    const isFlowing = this.#isClosed || this.#first.hasRoom
    if (isFlowing === this.#isFlowing) return
    this.#isFlowing = isFlowing
    this.#ends.onFlow(isFlowing)
  }
}
