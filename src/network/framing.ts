/**
 * Cuts a stream of bytes into frames: an int32 size, then that many bytes. A frame that lies whole in
 * one chunk is a slice of it; a larger one is gathered chunk by chunk and copied once, so that the
 * announced size reserves no memory before its bytes have come.
 */

const SIZE_BYTES = 4

/** Smaller pieces of a frame are copied together, or each would cost an object many times its size. */
const SMALL_CHUNK_BYTES = 1024
const SCRATCH_BYTES = 16 * 1024

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
  /** Bytes not yet handed out, in order. */
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** Size of the frame that is being gathered; -1 while the size itself is incomplete. */
  #frameBytes = -1
  /** The last pending chunk while small pieces are gathered in it, and how far it is filled. */
  #scratch: Buffer | null = null
  #scratchBytes = 0

  /** `maxBytes`: a larger size is an error as soon as its four bytes are in. */
  constructor(maxBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#onFrame = onFrame
  }

  /** Bytes of an incomplete frame that are held. */
  get heldBytes(): number {
    return this.#pendingBytes
  }

  /** Objects that hold them. */
  get heldChunks(): number {
    return this.#pending.length
  }

  /** Throws `FrameError` for a size that no frame may have. */
  push(chunk: Buffer): void {
    if (this.#pendingBytes === 0) this.#takeFrames(chunk)
    else this.#gather(chunk)
  }

  /** All whole frames of `data`, which begins where a frame begins. */
  #takeFrames(data: Buffer): void {
    let at = 0
    while (data.length - at >= SIZE_BYTES) {
      const bytes = this.#checkedSize(data.readInt32BE(at))
      if (data.length - at - SIZE_BYTES < bytes) {
        this.#frameBytes = bytes
        break
      }
      const from = at + SIZE_BYTES
      at = from + bytes
      this.#onFrame(data.subarray(from, at))
    }
    if (at < data.length) this.#hold(data.subarray(at))
  }

  #gather(chunk: Buffer): void {
    this.#hold(chunk)
    if (this.#frameBytes < 0) {
      if (this.#pendingBytes < SIZE_BYTES) return
      this.#frameBytes = this.#checkedSize(this.#firstInt32())
    }
    const whole = SIZE_BYTES + this.#frameBytes
    if (this.#pendingBytes >= whole) this.#handOut(whole, chunk)
  }

  #hold(chunk: Buffer): void {
    this.#pendingBytes += chunk.length
    if (chunk.length >= SMALL_CHUNK_BYTES) {
      this.#pending.push(chunk)
      this.#scratch = null
      return
    }
    if (this.#scratch === null || this.#scratch.length - this.#scratchBytes < chunk.length) {
      // Grows with what has come, so that a connection that sends a few bytes costs a few bytes.
      const before = this.#pendingBytes - chunk.length
      const bytes = Math.max(chunk.length, Math.min(before, SCRATCH_BYTES))
      this.#scratch = Buffer.allocUnsafeSlow(bytes)
      this.#scratchBytes = 0
      this.#pending.push(this.#scratch)
    }
    chunk.copy(this.#scratch, this.#scratchBytes)
    this.#scratchBytes += chunk.length
    this.#pending[this.#pending.length - 1] = this.#scratch.subarray(0, this.#scratchBytes)
  }

  /** Hands out the gathered frame and goes on with what follows it in `last`, uncopied. */
  #handOut(whole: number, last: Buffer): void {
    const overhang = this.#pendingBytes - whole
    const frame = Buffer.allocUnsafeSlow(whole)
    let at = 0
    for (const chunk of this.#pending) {
      at += chunk.copy(frame, at, 0, Math.min(chunk.length, whole - at))
    }
    this.#pending = []
    this.#pendingBytes = 0
    this.#frameBytes = -1
    this.#scratch = null
    this.#onFrame(frame.subarray(SIZE_BYTES))
    if (overhang > 0) this.#takeFrames(last.subarray(last.length - overhang))
  }

  #firstInt32(): number {
    return Buffer.concat(this.#pending).readInt32BE(0)
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
