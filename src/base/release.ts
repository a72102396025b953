/**
 * Memory of large buffers that is given back by its users, at once: the garbage collector would let
 * hundreds of them wait. Whoever keeps a buffer beyond a call retains it and releases it once; a user
 * that forgets to release only leaves it to the collector. Small buffers are pieces of a pool, and not
 * worth it: they are left alone.
 */

/** Not worth a call. */
const SMALL_BYTES = 16 * 1024

const USERS = Symbol('users')

interface Counted extends ArrayBuffer {
  [USERS]?: number
}

/** Frees the whole memory that `bytes` is a part of; every view of it is empty afterwards. */
export function releaseBytes(bytes: Uint8Array): void {
  ownMemoryOf(bytes)?.transfer(0)
}

/** One more user of the memory that `bytes` is a part of. */
export function retain<T extends Uint8Array>(bytes: T): T {
  const memory = ownMemoryOf(bytes)
  if (memory !== null) memory[USERS] = (memory[USERS] ?? 0) + 1
  return bytes
}

/** False for memory that is left to the collector. */
export function isRetained(bytes: Uint8Array): boolean {
  return USERS in bytes.buffer
}

/** One user less; with the last one the memory is free. */
export function release(bytes: Uint8Array): void {
  const memory = bytes.buffer as Counted
  const users = memory[USERS]
  if (users === undefined) return
  memory[USERS] = users - 1
  if (users === 1) releaseBytes(bytes)
}

/** Null for a small buffer, and for one that may be a piece of the pool of `Buffer`. */
function ownMemoryOf({ buffer, length }: Uint8Array): Counted | null {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < SMALL_BYTES) return null
  return length === buffer.byteLength || buffer.byteLength > Buffer.poolSize ? buffer : null
}
