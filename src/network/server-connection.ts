/**
 * One accepted connection: frames in, answers out in the order of the requests. What is read ahead of
 * the answers is bounded by count and by bytes; beyond that the socket is not read, so a client that
 * pipelines without end, or does not take its answers, waits in its own kernel buffers.
 */
import { assert } from '../base/assert.ts'
import type { Socket } from '../base/ports.ts'
import { FrameError, FrameReader } from './framing.ts'

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
  #closed = false
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
      onDrain: () => this.#proceed(),
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

  get requestsInFlight(): number {
    return this.#turns.length
  }

  /** At once; requests under way lose their answers. */
  close(reason: string): void {
    if (this.#closed) return
    this.#closeReason = reason
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
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

  /** Starts what may be started, then pauses or resumes the socket. */
  #proceed(): void {
    while (!this.#closed && this.#waiting.length > 0 && !this.#isFull()) {
      this.#start(this.#waiting.shift()!)
    }
    const full = this.#waiting.length > 0 || this.#isFull()
    if (full === this.#paused || this.#closed) return
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
    if (this.#closed) return
    for (let turn = this.#turns[0]; turn?.answer !== undefined; turn = this.#turns[0]) {
      this.#turns.shift()
      this.#inFlightBytes -= turn.bytes
      if (turn.answer === 'close') {
        this.#closeReason = 'the request was refused'
        // What was answered before leaves first.
        this.#closed = true
        this.#socket.end()
        return
      }
      if (turn.answer !== null) this.#send(turn.answer)
    }
    this.#proceed()
  }

  #send(chunks: Buffer[]): void {
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.length
    const first = chunks[0]!
    // One small buffer with size and head, so that small answers are one write.
    const head = Buffer.allocUnsafe(4 + first.length)
    head.writeInt32BE(bytes, 0)
    first.copy(head, 4)
    chunks[0] = head
    this.#lastActiveMs = this.#nowMs()
    this.#socket.write(chunks)
  }

  #onClosed(): void {
    this.#closed = true
    this.#turns.length = 0
    this.#waiting.length = 0
    this.#events.onClose(this.#closeReason)
  }
}
