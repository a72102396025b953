/**
 * Cuts a stream of bytes into frames: an int32 size, then that many bytes. A frame that lies whole in
 * one chunk is a slice of it; a larger one is gathered chunk by chunk and copied once, so that the
 * announced size reserves no memory before its bytes have come.
 */

const SIZE_BYTES = 4

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

  /** `maxBytes`: a larger size is an error as soon as its four bytes are in. */
  constructor(maxBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#onFrame = onFrame
  }

  /** Bytes of an incomplete frame that are held. */
  get heldBytes(): number {
    return this.#pendingBytes
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
    if (at < data.length) {
      this.#pending.push(at === 0 ? data : data.subarray(at))
      this.#pendingBytes = data.length - at
    }
  }

  #gather(chunk: Buffer): void {
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    if (this.#frameBytes < 0) {
      if (this.#pendingBytes < SIZE_BYTES) return
      this.#join()
      this.#frameBytes = this.#checkedSize(this.#pending[0]!.readInt32BE(0))
    }
    const whole = SIZE_BYTES + this.#frameBytes
    if (this.#pendingBytes < whole) return
    const rest = this.#split(whole)
    if (rest !== null) this.#takeFrames(rest)
  }

  /** Hands out the gathered frame; gives what follows it, uncopied, or null. */
  #split(whole: number): Buffer | null {
    const last = this.#pending[this.#pending.length - 1]!
    const overhang = this.#pendingBytes - whole
    const frame = Buffer.allocUnsafeSlow(whole)
    let at = 0
    for (const chunk of this.#pending) {
      at += chunk.copy(frame, at, 0, Math.min(chunk.length, whole - at))
    }
    this.#pending = []
    this.#pendingBytes = 0
    this.#frameBytes = -1
    this.#onFrame(frame.subarray(SIZE_BYTES))
    return overhang === 0 ? null : last.subarray(last.length - overhang)
  }

  #join(): void {
    this.#pending = [Buffer.concat(this.#pending)]
  }

  #checkedSize(bytes: number): number {
    if (bytes < 0 || bytes > this.#maxBytes) {
      throw new FrameError(`a frame of ${bytes} bytes, allowed are 0 to ${this.#maxBytes}`)
    }
    return bytes
  }
}
