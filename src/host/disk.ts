/** The real file system behind the `Disk` port. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
} from '../base/ports.ts'
import { takeLock } from './lock-file.ts'

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  EEXIST: 'EXISTS',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  ENOTEMPTY: 'NOT_EMPTY',
}

function diskError(path: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  return new DiskError(CODES[code ?? ''] ?? 'IO', path, message, cause)
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw diskError(path, error)
  }
}

export const systemDisk: Disk = {
  open: (path, mode) => guarded(path, () => new SystemFile(path, openDescriptor(path, mode))),
  readFile: (path) => guarded(path, () => fs.readFileSync(path)),
  exists: (path) => fs.existsSync(path),
  stat: (path) =>
    guarded(path, () => {
      const { size, mtimeMs } = fs.statSync(path)
      return { bytes: size, modifiedMs: mtimeMs }
    }),
  list: (directory) =>
    guarded(directory, () =>
      fs.readdirSync(directory, { withFileTypes: true }).map(
        (entry): DiskEntry => ({
          name: entry.name,
          kind: isDirectory(directory, entry) ? 'directory' : 'file',
        }),
      ),
    ),
  makeDirectory: (path) => guarded(path, () => makeDirectories(path)),
  rename: (from, to) => guarded(from, () => fs.renameSync(from, to)),
  remove: (path) => guarded(path, () => removeFile(path)),
  removeDirectory: (path) => guarded(path, () => fs.rmSync(path, { force: true, recursive: true })),
  syncDirectory: (path) =>
    guarded(path, () => {
      const descriptor = fs.openSync(path, 'r')
      try {
        fs.fsyncSync(descriptor)
      } finally {
        fs.closeSync(descriptor)
      }
    }),
  lock: (path) => guarded(path, () => takeLock(path)),
  space: (path) =>
    guarded(path, () => {
      const { blocks, bavail, bsize } = fs.statfsSync(path)
      return { totalBytes: blocks * bsize, usableBytes: bavail * bsize }
    }),
}

/** What a link leads to counts; one that leads nowhere is a file. */
function isDirectory(parent: string, entry: fs.Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  const target = fs.statSync(join(parent, entry.name), { throwIfNoEntry: false })
  return target?.isDirectory() ?? false
}

/** Node's own recursion never ends below a directory that takes none, such as /proc. */
function makeDirectories(path: string): void {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(path)
  if (parent !== path) makeDirectories(parent)
  try {
    fs.mkdirSync(path)
  } catch (error) {
    // Another process may have been first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !fs.statSync(path).isDirectory()) {
      throw error
    }
  }
}

function removeFile(path: string): void {
  try {
    fs.unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function openDescriptor(path: string, mode: 'read' | 'write'): number {
  const flags = mode === 'read' ? fs.constants.O_RDONLY : fs.constants.O_RDWR | fs.constants.O_CREAT
  return fs.openSync(path, flags, 0o644)
}

/** Keeps its descriptor open while asynchronous operations are in flight, also past `close`. */
class SystemFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number
  #inFlight = 0
  #closing = false

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  size(): number {
    return guarded(this.path, () => fs.fstatSync(this.#descriptor).size)
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    guarded(this.path, () => {
      if (chunks.length === 1) writeAll(this.#descriptor, chunks[0]!, position)
      else if (chunks.length > 1) writeAllChunks(this.#descriptor, chunks, position)
    })
  }

  read(target: Uint8Array, position: number): number {
    return guarded(this.path, () => {
      let done = 0
      while (done < target.length) {
        const bytes = fs.readSync(
          this.#descriptor,
          target,
          done,
          target.length - done,
          position + done,
        )
        if (bytes === 0) break
        done += bytes
      }
      return done
    })
  }

  async readAsync(target: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const bytes = await this.#async<number>((callback) =>
        fs.read(this.#descriptor, target, done, target.length - done, position + done, callback),
      )
      if (bytes === 0) break
      done += bytes
    }
    return done
  }

  truncate(bytes: number): void {
    guarded(this.path, () => fs.ftruncateSync(this.#descriptor, bytes))
  }

  sync(): void {
    guarded(this.path, () => fs.fsyncSync(this.#descriptor))
  }

  async syncAsync(): Promise<void> {
    await this.#async<void>((callback) => fs.fsync(this.#descriptor, callback))
  }

  setModifiedMs(wallMs: number): void {
    guarded(this.path, () => fs.futimesSync(this.#descriptor, wallMs / 1000, wallMs / 1000))
  }

  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#inFlight === 0) guarded(this.path, () => fs.closeSync(this.#descriptor))
  }

  #async<T>(start: (callback: (error: Error | null, value?: T) => void) => void): Promise<T> {
    if (this.#closing) return Promise.reject(new DiskError('IO', this.path, 'the file is closed'))
    this.#inFlight += 1
    return new Promise<T>((resolve, reject) => {
      start((error, value) => {
        this.#inFlight -= 1
        if (this.#closing && this.#inFlight === 0) fs.close(this.#descriptor, () => {})
        if (error) reject(diskError(this.path, error))
        else resolve(value as T)
      })
    })
  }
}

function writeAll(descriptor: number, chunk: Uint8Array, position: number): void {
  let done = 0
  while (done < chunk.length) {
    done += fs.writeSync(descriptor, chunk, done, chunk.length - done, position + done)
  }
}

/** One system call when the kernel takes all of it; the rest chunk by chunk otherwise. */
function writeAllChunks(descriptor: number, chunks: readonly Uint8Array[], position: number): void {
  let skip = fs.writevSync(descriptor, chunks as Uint8Array[], position)
  let at = position
  for (const chunk of chunks) {
    if (skip >= chunk.length) skip -= chunk.length
    else {
      writeAll(descriptor, chunk.subarray(skip), at + skip)
      skip = 0
    }
    at += chunk.length
  }
}
