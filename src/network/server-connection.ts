/**
 * One accepted connection: frames in, answers out in the order of the requests. What is read ahead of
 * the answers is bounded by count and by bytes; beyond that the socket is not read, so a client that
 * pipelines without end, or does not take its answers, waits in its own kernel buffers.
 */
import { assert } from '../base/assert.ts'
import type { Socket } from '../base/ports.ts'
import { FrameError, FrameReader, frameChunks } from './framing.ts'

/** Chunks of the answer without the size prefix; null for no answer. */
export type ServerReply = (answer: Buffer[] | null | 'close') => void

export interface ConnectionLimits {
  /** Largest request, `socket.request.max.bytes`. */
  readonly maxRequestBytes: number
  /** Requests under way at one time. */
  readonly maxInFlight: number
  /** Bytes of requests under way and of answers that wait for the peer. */
  readonly maxInFlightBytes: number
}

export const DEFAULT_LIMITS: Omit<ConnectionLimits, 'maxRequestBytes'> = {
  maxInFlight: 16,
  maxInFlightBytes: 4 * 1024 * 1024,
}

export interface ConnectionEvents {
  /** `reply` must be called exactly once; late calls on a closed connection are harmless. */
  onFrame(frame: Buffer, reply: ServerReply): void
  onClose(reason: string): void
}

/** A request that was read; `answer` is undefined until it is answered. */
interface Turn {
  answer: Buffer[] | null | 'close' | undefined
  readonly bytes: number
}

export class ServerConnection {
  readonly #socket: Socket
  readonly #limits: ConnectionLimits
  readonly #events: ConnectionEvents
  readonly #reader: FrameReader
  readonly #turns: Turn[] = []
  /** Frames that came in one chunk beyond the limit. */
  readonly #waiting: Buffer[] = []
  #inFlightBytes = 0
  #paused = false
  #proceeding = false
  /** `ending`: nothing is read any more, what was answered still leaves. */
  #state: 'open' | 'ending' | 'closed' = 'open'
  #closeReason = 'the peer closed'
  #lastActiveMs: number
  readonly #nowMs: () => number

  constructor(
    socket: Socket,
    limits: ConnectionLimits,
    events: ConnectionEvents,
    nowMs: () => number,
  ) {
    this.#socket = socket
    this.#limits = limits
    this.#events = events
    this.#nowMs = nowMs
    this.#lastActiveMs = nowMs()
    this.#reader = new FrameReader(limits.maxRequestBytes, (frame) => this.#waiting.push(frame))
    socket.setHandlers({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => this.#onDrain(),
      onClose: () => this.#onClosed(),
    })
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress
  }

  /** When bytes last went in or out, by the monotonic clock. */
  get lastActiveMs(): number {
    return this.#lastActiveMs
  }

  /** Read and not begun. */
  get requestsWaiting(): number {
    return this.#waiting.length
  }

  /** Ready, behind one that is not. */
  get answersWaiting(): number {
    return this.#turns.filter(({ answer }) => answer !== undefined).length
  }

  get requestsInFlight(): number {
    return this.#turns.length
  }

  /** At once; requests under way lose their answers. */
  close(reason: string): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') this.#closeReason = reason
    this.#state = 'ending'
    this.#socket.destroy()
  }

  /** What was answered leaves first; requests under way lose their answers. */
  end(reason: string): void {
    if (this.#state !== 'open') return
    this.#closeReason = reason
    // Nothing is read any more. A peer that does not take what was answered is closed as idle.
    this.#state = 'ending'
    this.#socket.end()
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'open') return
    this.#lastActiveMs = this.#nowMs()
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.close(error.message)
      return
    }
    this.#proceed()
  }

  #onDrain(): void {
    this.#lastActiveMs = this.#nowMs()
    this.#proceed()
  }

  /** Starts what may be started, then pauses or resumes the socket. */
  #proceed(): void {
    // An answer within `onFrame` comes back here: the loop below goes on with it.
    if (this.#proceeding) return
    this.#proceeding = true
    try {
      while (this.#state === 'open' && this.#waiting.length > 0 && !this.#isFull()) {
        this.#start(this.#waiting.shift()!)
      }
    } finally {
      this.#proceeding = false
    }
    const full = this.#waiting.length > 0 || this.#isFull()
    if (full === this.#paused || this.#state !== 'open') return
    this.#paused = full
    if (full) this.#socket.pause()
    else this.#socket.resume()
  }

  #isFull(): boolean {
    if (this.#turns.length >= this.#limits.maxInFlight) return true
    const bytes = this.#inFlightBytes + this.#socket.queuedBytes()
    return bytes >= this.#limits.maxInFlightBytes
  }

  #start(frame: Buffer): void {
    const turn: Turn = { answer: undefined, bytes: frame.length }
    this.#turns.push(turn)
    this.#inFlightBytes += turn.bytes
    this.#events.onFrame(frame, (answer) => {
      assert(turn.answer === undefined, 'a request is answered once')
      turn.answer = answer
      this.#answer()
    })
  }

  /** Sends the answers that are ready at the head of the line. */
  #answer(): void {
    if (this.#state !== 'open') return
    for (let turn = this.#turns[0]; turn?.answer !== undefined; turn = this.#turns[0]) {
      this.#turns.shift()
      this.#inFlightBytes -= turn.bytes
      if (turn.answer === 'close') {
        this.end('the request was refused')
        return
      }
      if (turn.answer !== null) this.#send(turn.answer)
    }
    this.#proceed()
  }

  #send(chunks: readonly Buffer[]): void {
    this.#lastActiveMs = this.#nowMs()
    this.#socket.write(frameChunks(chunks))
  }

  #onClosed(): void {
    this.#state = 'closed'
    this.#turns.length = 0
    this.#waiting.length = 0
    this.#inFlightBytes = 0
    this.#events.onClose(this.#closeReason)
  }
}
