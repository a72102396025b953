/** One end of a connection as a test sees it: push bytes in, look at what was written. */
import type { Socket, SocketHandlers } from '../../src/base/ports.ts'

export class MemorySocket implements Socket {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 50_000
  readonly localAddress = '127.0.0.1'
  readonly localPort = 9092
  readonly written: Buffer[] = []
  /** What `queuedBytes` tells: a peer that does not read. */
  queued = 0
  paused = false
  ended = false
  destroyed = false
  /** `end` does not close: a peer that does not take what is queued. */
  lingers = false
  #handlers: SocketHandlers | null = null

  setHandlers(handlers: SocketHandlers): void {
    this.#handlers = handlers
  }

  receive(...chunks: Buffer[]): void {
    for (const chunk of chunks) {
      const lent = Buffer.from(chunk)
      this.#handlers?.onData(lent)
      lent.fill(0xa5)
    }
  }

  drain(): void {
    this.queued = 0
    this.#handlers?.onDrain?.()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    this.written.push(Buffer.concat(chunks))
    return this.queued === 0
  }

  queuedBytes(): number {
    return this.queued
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
    if (!this.lingers) this.destroy()
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#handlers?.onClose()
  }
}
