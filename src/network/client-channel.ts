/**
 * A connection to a broker from the asking side: requests are pipelined, answers are matched by
 * correlation id. When the connection ends or a request times out, everything under way is rejected;
 * the channel is then dead and its owner makes a new one.
 */
import type { Clock, Socket, Transport } from '../base/ports.ts'
import { decodeCorrelationId, decodeResponseFrame, encodeRequestFrame } from '../protocol/header.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'
import { FrameReader, frameChunks } from './framing.ts'

const MAX_RESPONSE_BYTES = 0x7fff_ffff

export class ChannelError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ChannelError'
  }
}

export interface ChannelOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

interface PendingRequest {
  readonly decode: (frame: Buffer) => unknown
  readonly resolve: (response: unknown) => void
  readonly reject: (error: Error) => void
  readonly deadlineMs: number
}

export class ClientChannel {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #options: ChannelOptions
  readonly #pending = new Map<number, PendingRequest>()
  readonly #closeListeners: (() => void)[] = []
  #nextCorrelationId = 0
  #cancelTimer: (() => void) | null = null
  #timerDueMs = 0
  #closed = false

  private constructor(socket: Socket, clock: Clock, options: ChannelOptions) {
    this.#socket = socket
    this.#clock = clock
    this.#options = options
    const reader = new FrameReader(MAX_RESPONSE_BYTES, (frame) => this.#onFrame(frame))
    socket.setHandlers({
      onData: (chunk) => {
        try {
          reader.push(chunk)
        } catch (error) {
          this.#fail(new ChannelError(`${this.#peer()} sent what is not an answer`, error))
        }
      },
      onClose: (error) => this.#fail(new ChannelError(`${this.#peer()} closed`, error)),
    })
  }

  /** Rejects with the reason when the connection cannot be made. */
  static async connect(
    transport: Transport,
    clock: Clock,
    options: ChannelOptions,
  ): Promise<ClientChannel> {
    const { host, port, connectTimeoutMs } = options
    const socket = await transport.connect(host, port, connectTimeoutMs)
    return new ClientChannel(socket, clock, options)
  }

  get isOpen(): boolean {
    return !this.#closed
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#pending.size
  }

  /** Rejects with `ChannelError` when the connection ends or no answer comes in time. */
  send<A extends Api>(
    api: A,
    version: number,
    request: RequestInput<A>,
    requestTimeoutMs: number = this.#options.requestTimeoutMs,
  ): Promise<ResponseOf<A>> {
    if (this.#closed) return Promise.reject(new ChannelError(`${this.#peer()} is closed`))
    const correlationId = this.#write(api, version, request)
    return new Promise<ResponseOf<A>>((resolve, reject) => {
      this.#pending.set(correlationId, {
        decode: (frame) => decodeResponseFrame(api, version, frame),
        resolve: resolve as (response: unknown) => void,
        reject,
        deadlineMs: this.#clock.monotonicMs() + requestTimeoutMs,
      })
      this.#armTimer(requestTimeoutMs)
    })
  }

  /** For Produce with acks=0, which has no answer. */
  sendNoReply<A extends Api>(api: A, version: number, request: RequestInput<A>): void {
    if (!this.#closed) this.#write(api, version, request)
  }

  /** Called once, when the channel is dead for whatever reason. */
  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else this.#closeListeners.push(listener)
  }

  close(): void {
    this.#fail(new ChannelError(`${this.#peer()} was closed by us`))
  }

  #write<A extends Api>(api: A, version: number, request: RequestInput<A>): number {
    const correlationId = this.#nextCorrelationId
    this.#nextCorrelationId = (correlationId + 1) & 0x7fff_ffff
    const { clientId } = this.#options
    const chunks = encodeRequestFrame(api, version, correlationId, clientId, request)
    this.#socket.write(frameChunks(chunks))
    return correlationId
  }

  #onFrame(frame: Buffer): void {
    if (this.#closed) return
    const correlationId = decodeCorrelationId(frame)
    const request = this.#pending.get(correlationId)
    if (request === undefined) {
      throw new ChannelError(`an answer to unknown request ${correlationId}`)
    }
    // Decoded first: when it cannot be, the request is among those that are rejected.
    const response = request.decode(frame)
    this.#pending.delete(correlationId)
    request.resolve(response)
  }

  /** One timer for all requests, due at the earliest deadline or before it. */
  #armTimer(delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs
    if (this.#cancelTimer !== null && this.#timerDueMs <= dueMs) return
    this.#disarmTimer()
    this.#timerDueMs = dueMs
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = null
      this.#checkDeadlines()
    })
  }

  #disarmTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #checkDeadlines(): void {
    const nowMs = this.#clock.monotonicMs()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { deadlineMs } of this.#pending.values()) {
      earliestMs = Math.min(earliestMs, deadlineMs)
    }
    if (earliestMs <= nowMs) {
      this.#fail(new ChannelError(`${this.#peer()} did not answer in time`))
    } else if (this.#pending.size > 0) {
      this.#armTimer(earliestMs - nowMs)
    }
  }

  #fail(error: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#disarmTimer()
    this.#socket.destroy()
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
    for (const listener of this.#closeListeners) listener()
  }

  #peer(): string {
    return `${this.#options.host}:${this.#options.port}`
  }
}
