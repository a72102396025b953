/**
 * The disk of one host. A program that dies leaves all it has written; a loss of power also takes
 * what was not synced, some or all of it, and may leave the last write half done.
 */

import { type Disk, type DiskEntry, DiskError, type DiskFile } from '../../src/base/ports.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { SimProcess } from './sim-process.ts'

interface FileNode {
  bytes: Buffer
  size: number
  modifiedMs: number
  /** How to undo each change since the last sync, oldest first. */
  undo: Undo[]
}

interface Undo {
  readonly position: number
  readonly old: Buffer
  readonly oldSize: number
  /** How much was written; 0 for a truncation. */
  readonly written: number
}

interface NameUndo {
  readonly directory: string
  /** Set when a file was created: syncing the file keeps its name too. */
  readonly created?: FileNode
  readonly undo: () => void
}

const SYNC_MS_MAX = 4
const READ_MS_MAX = 1
const VOLUME_BYTES = 1024 ** 4

export class SimDisk {
  readonly #random: SeededRandom
  readonly #files = new Map<string, FileNode>()
  readonly #directories = new Set<string>(['/'])
  readonly #locks = new Map<string, SimProcess>()
  /** Files that are there since somebody locked them. */
  readonly #lockFiles = new Set<string>()
  /** How to undo changes of names since their directory was synced, oldest first. */
  #nameUndo: NameUndo[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** Takes away what was not synced. A coin decides for each file how much of it. */
  losePower(): void {
    for (const { undo } of this.#nameUndo.reverse()) undo()
    this.#nameUndo = []
    for (const path of [...this.#files.keys()].sort()) {
      const file = this.#files.get(path) as FileNode
      const survivors = this.#random.chance(0.5) ? this.#random.nextInt(file.undo.length + 1) : 0
      const torn = file.undo[survivors]
      for (const { position, old, oldSize } of file.undo.splice(survivors).reverse()) {
        old.copy(file.bytes, position)
        file.size = oldSize
      }
      // What is there after the boot was read from the device.
      file.undo = []
      // An append that was under way may have left its first bytes, or zeros in their place.
      if (torn === undefined || torn.position !== file.size) continue
      if (torn.written > 0 && this.#random.chance(0.5)) {
        file.size += this.#random.nextInt(torn.written)
        if (this.#random.chance(0.3)) file.bytes.fill(0, torn.position, file.size)
      }
    }
  }

  /** All files and what is in them. */
  contents(): Map<string, Buffer> {
    const contents = new Map<string, Buffer>()
    for (const [path, file] of this.#files) contents.set(path, file.bytes.subarray(0, file.size))
    return contents
  }

  /** The disk as one program sees it; locks go when it dies. */
  viewOf(process: SimProcess): Disk {
    return {
      open: (path, mode) => {
        const node = this.#open(path, mode, process)
        const keepName = () => {
          this.#nameUndo = this.#nameUndo.filter(({ created }) => created !== node)
        }
        return new SimFile(node, path, process, this.#random, keepName)
      },
      readFile: (path) => {
        const { bytes, size } = this.#mustGet(path)
        return Buffer.from(bytes.subarray(0, size))
      },
      exists: (path) =>
        this.#files.has(path) || this.#directories.has(path) || this.#lockFiles.has(path),
      stat: (path) => {
        const { size, modifiedMs } = this.#mustGet(path)
        return { bytes: size, modifiedMs }
      },
      list: (directory) => this.#list(directory),
      makeDirectory: (path) => this.#makeDirectory(path),
      rename: (from, to) => this.#rename(from, to),
      remove: (path) => this.#remove(path),
      removeDirectory: (path) => this.#removeDirectory(path),
      syncDirectory: (path) => {
        this.#nameUndo = this.#nameUndo.filter(({ directory }) => directory !== path)
      },
      lock: (path) => this.#lock(path, process),
      space: () => ({ totalBytes: VOLUME_BYTES, usableBytes: VOLUME_BYTES / 2 }),
    }
  }

  #open(path: string, mode: 'read' | 'write', process: SimProcess): FileNode {
    const found = this.#files.get(path)
    if (found !== undefined) return found
    if (mode === 'read') throw new DiskError('NOT_FOUND', path, 'no such file')
    if (!this.#directories.has(parentOf(path))) {
      throw new DiskError('NOT_FOUND', path, 'no such directory')
    }
    const modifiedMs = process.clock.wallMs()
    const file: FileNode = { bytes: Buffer.alloc(0), size: 0, modifiedMs, undo: [] }
    this.#files.set(path, file)
    this.#nameUndo.push({
      directory: parentOf(path),
      created: file,
      undo: () => this.#files.delete(path),
    })
    return file
  }

  #mustGet(path: string): FileNode {
    const file = this.#files.get(path)
    if (file === undefined) throw new DiskError('NOT_FOUND', path, 'no such file')
    return file
  }

  #list(directory: string): DiskEntry[] {
    const path = trim(directory)
    if (!this.#directories.has(path)) {
      throw new DiskError('NOT_FOUND', path, 'no such directory')
    }
    const entries: DiskEntry[] = []
    for (const file of this.#files.keys()) {
      if (parentOf(file) === path) entries.push({ name: nameOf(file), kind: 'file' })
    }
    for (const other of this.#directories) {
      if (other !== '/' && parentOf(other) === path) {
        entries.push({ name: nameOf(other), kind: 'directory' })
      }
    }
    return entries
  }

  #makeDirectory(path: string): void {
    const trimmed = trim(path)
    if (this.#directories.has(trimmed)) return
    if (trimmed !== '/') this.#makeDirectory(parentOf(trimmed))
    this.#directories.add(trimmed)
  }

  #rename(from: string, to: string): void {
    if (this.#directories.has(from)) {
      this.#renameDirectory(from, to)
      return
    }
    const file = this.#mustGet(from)
    const replaced = this.#files.get(to)
    this.#files.delete(from)
    this.#files.set(to, file)
    this.#nameUndo.push({
      directory: parentOf(to),
      undo: () => {
        this.#files.set(from, file)
        if (replaced === undefined) this.#files.delete(to)
        else this.#files.set(to, replaced)
      },
    })
  }

  /** Durable at once: who renames directories syncs the parent, or does not care. */
  #renameDirectory(from: string, to: string): void {
    for (const directory of [...this.#directories]) {
      if (directory !== from && !directory.startsWith(`${from}/`)) continue
      this.#directories.delete(directory)
      this.#directories.add(to + directory.slice(from.length))
    }
    for (const [path, file] of [...this.#files]) {
      if (!path.startsWith(`${from}/`)) continue
      this.#files.delete(path)
      this.#files.set(to + path.slice(from.length), file)
    }
    this.#nameUndo = this.#nameUndo.filter(({ directory }) => !directory.startsWith(from))
  }

  #remove(path: string): void {
    const file = this.#files.get(path)
    if (file === undefined) return
    this.#files.delete(path)
    this.#nameUndo.push({ directory: parentOf(path), undo: () => this.#files.set(path, file) })
  }

  #removeDirectory(path: string): void {
    const inside = (other: string) => other === path || other.startsWith(`${path}/`)
    for (const file of [...this.#files.keys()]) if (inside(file)) this.#files.delete(file)
    for (const other of [...this.#directories]) if (inside(other)) this.#directories.delete(other)
    this.#nameUndo = this.#nameUndo.filter(({ directory }) => !inside(directory))
  }

  #lock(path: string, process: SimProcess): (() => void) | null {
    if (this.#locks.get(path)?.isDead === false) return null
    this.#locks.set(path, process)
    this.#lockFiles.add(path)
    return () => {
      if (this.#locks.get(path) === process) this.#locks.delete(path)
    }
  }
}

class SimFile implements DiskFile {
  readonly path: string
  readonly #node: FileNode
  readonly #process: SimProcess
  readonly #random: SeededRandom
  readonly #keepName: () => void
  #isClosed = false

  constructor(
    node: FileNode,
    path: string,
    process: SimProcess,
    random: SeededRandom,
    keepName: () => void,
  ) {
    this.#keepName = keepName
    this.#node = node
    this.path = path
    this.#process = process
    this.#random = random
  }

  size(): number {
    return this.#node.size
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check()
    const bytes = Buffer.concat(chunks)
    const node = this.#node
    const end = position + bytes.length
    const old = Buffer.from(node.bytes.subarray(position, Math.min(end, node.size)))
    node.undo.push({ position, old, oldSize: node.size, written: bytes.length })
    if (end > node.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, node.bytes.length * 2, 1024))
      node.bytes.copy(grown, 0, 0, node.size)
      node.bytes = grown
    }
    bytes.copy(node.bytes, position)
    node.size = Math.max(node.size, end)
    node.modifiedMs = this.#process.clock.wallMs()
  }

  read(target: Uint8Array, position: number): number {
    this.#check()
    const end = Math.min(this.#node.size, position + target.length)
    if (end <= position) return 0
    target.set(this.#node.bytes.subarray(position, end))
    return end - position
  }

  readAsync(target: Uint8Array, position: number): Promise<number> {
    this.#check()
    return this.#after(READ_MS_MAX, () => {
      const end = Math.min(this.#node.size, position + target.length)
      if (end <= position) return 0
      target.set(this.#node.bytes.subarray(position, end))
      return end - position
    })
  }

  truncate(bytes: number): void {
    this.#check()
    const node = this.#node
    if (bytes < node.size) {
      const old = Buffer.from(node.bytes.subarray(bytes, node.size))
      node.undo.push({ position: bytes, old, oldSize: node.size, written: 0 })
    } else {
      this.write([Buffer.alloc(bytes - node.size)], node.size)
    }
    node.bytes.fill(0, bytes, node.size)
    node.size = bytes
  }

  sync(): void {
    this.#check()
    this.#node.undo = []
    this.#keepName()
  }

  /** What is written meanwhile is not covered. */
  syncAsync(): Promise<void> {
    this.#check()
    const covered = new Set(this.#node.undo)
    return this.#after(SYNC_MS_MAX, () => {
      this.#node.undo = this.#node.undo.filter((each) => !covered.has(each))
      this.#keepName()
    })
  }

  setModifiedMs(wallMs: number): void {
    this.#node.modifiedMs = wallMs
  }

  close(): void {
    this.#isClosed = true
  }

  #check(): void {
    if (this.#isClosed) throw new DiskError('IO', this.path, 'closed')
  }

  #after<T>(maxMs: number, action: () => T): Promise<T> {
    const delayMs = 0.1 + (this.#random.nextInt(100) / 100) * maxMs
    return new Promise((resolve) => this.#process.after(delayMs, () => resolve(action())))
  }
}

function trim(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
