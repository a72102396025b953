/**
 * Cuts a stream of bytes into frames: an int32 size, then that many bytes. Chunks are only lent
 * (`SocketHandlers`), so each byte is copied once, into a frame of exactly its size. What is set aside
 * for a frame stays in proportion to what has come of it: an announced size alone reserves nothing.
 */

import { releaseBytes } from '../base/release.ts'

const SIZE_BYTES = 4

/** At most so many times the bytes that have come are set aside. */
const RESERVE_FACTOR = 16

const NO_BYTES = Buffer.alloc(0)

/** A larger first chunk is not worth copying to spare a piece of the gathered write. */
const COPIED_HEAD_BYTES = 4096

export class FrameError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FrameError'
  }
}

export class FrameReader {
  readonly #maxBytes: number
  readonly #onFrame: (frame: Buffer) => void
  /** The size while it is incomplete, and how much of it is here. */
  readonly #size = Buffer.alloc(SIZE_BYTES)
  #sizeFilled = 0
  /** Size of the frame that is being filled; -1 while the size itself is incomplete. */
  #frameBytes = -1
  #frame = NO_BYTES
  #filled = 0

  /** `maxBytes`: a larger size is an error as soon as its four bytes are in. */
  constructor(maxBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#onFrame = onFrame
  }

  /** Bytes of an incomplete frame that are held. */
  get heldBytes(): number {
    return this.#sizeFilled + this.#filled
  }

  /** Bytes that are set aside for it. */
  get reservedBytes(): number {
    return this.#frame.length
  }

  /** `chunk` may be overwritten afterwards. Throws `FrameError` for a size that no frame may have. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      at = this.#frameBytes < 0 ? this.#takeSize(chunk, at) : this.#takeBytes(chunk, at)
    }
  }

  /** Returns where it stopped. */
  #takeSize(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + SIZE_BYTES - this.#sizeFilled)
    this.#sizeFilled += chunk.copy(this.#size, this.#sizeFilled, from, to)
    if (this.#sizeFilled === SIZE_BYTES) {
      this.#frameBytes = this.#checkedSize(this.#size.readInt32BE(0))
      if (this.#frameBytes === 0) this.#handOut()
    }
    return to
  }

  #takeBytes(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + this.#frameBytes - this.#filled)
    this.#reserve(this.#filled + to - from)
    this.#filled += chunk.copy(this.#frame, this.#filled, from, to)
    if (this.#filled === this.#frameBytes) this.#handOut()
    return to
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#frame.length) return
    const before = this.#frame
    this.#frame = Buffer.allocUnsafe(Math.min(this.#frameBytes, bytes * RESERVE_FACTOR))
    before.copy(this.#frame, 0, 0, this.#filled)
    releaseBytes(before)
  }

  #handOut(): void {
    const frame = this.#frame
    this.#frame = NO_BYTES
    this.#filled = 0
    this.#sizeFilled = 0
    this.#frameBytes = -1
    this.#onFrame(frame)
  }

  #checkedSize(bytes: number): number {
    if (bytes < 0 || bytes > this.#maxBytes) {
      throw new FrameError(`a frame of ${bytes} bytes, allowed are 0 to ${this.#maxBytes}`)
    }
    return bytes
  }
}

/** A frame of these chunks; its size shares a small buffer with the first, so most are one write. */
export function frameChunks(chunks: readonly Buffer[]): Buffer[] {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  const [first, ...rest] = chunks
  const isCopied = first !== undefined && first.length <= COPIED_HEAD_BYTES
  const head = Buffer.allocUnsafe(SIZE_BYTES + (isCopied ? first.length : 0))
  head.writeInt32BE(bytes, 0)
  if (!isCopied) return [head, ...chunks]
  first.copy(head, SIZE_BYTES)
  return [head, ...rest]
}
