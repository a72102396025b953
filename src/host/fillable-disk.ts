/**
 * A disk that can be full. What needs room then fails with NO_SPACE, and of a write as much is left
 * behind as still fit, as a file system does; reading, removing, renaming and cutting go on. While
 * there is room, a write costs one look more.
 */
import { type Disk, DiskError, type DiskFile } from '../base/ports.ts'

export interface Fullness {
  /** Asked before everything that needs room. */
  isFull(path: string): boolean
  /** Of a write of so many bytes: how many still fit, fewer than all. */
  fitting(bytes: number): number
}

export function fillableDisk(disk: Disk, fullness: Fullness): Disk {
  const needRoom = (path: string): void => {
    if (fullness.isFull(path) && !disk.exists(path)) throw noSpace(path)
  }
  return {
    ...disk,
    open: (path, mode) => {
      if (mode === 'read') return disk.open(path, mode)
      needRoom(path)
      return new FillableFile(disk.open(path, mode), fullness)
    },
    makeDirectory: (path) => {
      needRoom(path)
      disk.makeDirectory(path)
    },
    lock: (path) => {
      needRoom(path)
      return disk.lock(path)
    },
    space: (path) => {
      const { totalBytes, usableBytes } = disk.space(path)
      return { totalBytes, usableBytes: fullness.isFull(path) ? 0 : usableBytes }
    },
  }
}

class FillableFile implements DiskFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #fullness: Fullness

  constructor(file: DiskFile, fullness: Fullness) {
    this.path = file.path
    this.#file = file
    this.#fullness = fullness
  }

  size(): number {
    return this.#file.size()
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    if (this.#fullness.isFull(this.path)) this.#writePart(chunks, position)
    this.#file.write(chunks, position)
  }

  #writePart(chunks: readonly Uint8Array[], position: number): never {
    const all = Buffer.concat(chunks)
    const bytes = this.#fullness.fitting(all.length)
    if (bytes > 0) this.#file.write([all.subarray(0, bytes)], position)
    throw noSpace(this.path)
  }

  read(target: Uint8Array, position: number): number {
    return this.#file.read(target, position)
  }

  readAsync(target: Uint8Array, position: number): Promise<number> {
    return this.#file.readAsync(target, position)
  }

  truncate(bytes: number): void {
    if (this.#fullness.isFull(this.path) && bytes > this.#file.size()) throw noSpace(this.path)
    this.#file.truncate(bytes)
  }

  sync(): void {
    this.#file.sync()
  }

  syncAsync(): Promise<void> {
    return this.#file.syncAsync()
  }

  setModifiedMs(wallMs: number): void {
    this.#file.setModifiedMs(wallMs)
  }

  close(): void {
    this.#file.close()
  }
}

function noSpace(path: string): DiskError {
  return new DiskError('NO_SPACE', path, 'no space left on device')
}
