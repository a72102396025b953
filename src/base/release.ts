/** Memory that is given back by its owner: the garbage collector would let hundreds of buffers wait. */

/** Not worth the call. */
const SMALL_BYTES = 16 * 1024

/**
 * Frees the whole memory that `bytes` is a part of; every view of it is empty afterwards. Leaves alone
 * what may be a piece of the pool that `Buffer` cuts small buffers from.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < SMALL_BYTES) return
  const isOwn = bytes.length === buffer.byteLength || buffer.byteLength > Buffer.poolSize
  if (isOwn) buffer.transfer(0)
}
