/**
 * Who wants to hear of what. One-shot watches fire once; persistent ones stay, recursive ones also
 * hear of everything below but not of child lists. A client may hold all three kinds on one path;
 * none replaces another, as since ZooKeeper 3.9.
 */

import { parentOf } from './znode-path.ts'

export type EventType = 'created' | 'deleted' | 'changed' | 'children'

export type WatchMode = 'one-shot' | 'persistent' | 'persistent-recursive'

const ONE_SHOT = 1
const PERSISTENT = 2
const RECURSIVE = 4
const BIT_OF_MODE: Record<WatchMode, number> = {
  'one-shot': ONE_SHOT,
  persistent: PERSISTENT,
  'persistent-recursive': RECURSIVE,
}

function bitsOf(mode: WatchMode | null): number {
  return mode === null ? ONE_SHOT | PERSISTENT | RECURSIVE : BIT_OF_MODE[mode]
}

/** The watches of one sort, on data or on child lists, by path and by client. */
export class WatchTable<C extends object> {
  readonly #byPath = new Map<string, Map<C, number>>()
  readonly #pathsOf = new Map<C, Set<string>>()
  #recursiveCount = 0

  add(path: string, client: C, mode: WatchMode): void {
    const bit = BIT_OF_MODE[mode]
    let clients = this.#byPath.get(path)
    if (clients === undefined) {
      clients = new Map()
      this.#byPath.set(path, clients)
    }
    const before = clients.get(client) ?? 0
    if (bit === RECURSIVE && (before & RECURSIVE) === 0) this.#recursiveCount += 1
    clients.set(client, before | bit)
    const paths = this.#pathsOf.get(client)
    if (paths === undefined) this.#pathsOf.set(client, new Set([path]))
    else paths.add(path)
  }

  /** The clients to tell, each once; takes away the one-shot watches that fire. */
  trigger(path: string, type: EventType, except?: ReadonlySet<C>): Set<C> {
    const told = new Set<C>()
    for (const [client, bits] of this.#byPath.get(path) ?? []) {
      if (type === 'children' && bits === RECURSIVE) continue
      if (except?.has(client) !== true) told.add(client)
      if ((bits & ONE_SHOT) !== 0) this.#set(path, client, bits & ~ONE_SHOT)
    }
    if (this.#recursiveCount > 0 && type !== 'children') {
      for (let above = path; above !== '/'; ) {
        above = parentOf(above)
        for (const [client, bits] of this.#byPath.get(above) ?? []) {
          if ((bits & RECURSIVE) !== 0 && except?.has(client) !== true) told.add(client)
        }
      }
    }
    return told
  }

  /** Of this mode; null: of any. */
  has(path: string, client: C, mode: WatchMode | null): boolean {
    const bits = this.#byPath.get(path)?.get(client) ?? 0
    return (bits & bitsOf(mode)) !== 0
  }

  remove(path: string, client: C, mode: WatchMode | null): void {
    const bits = this.#byPath.get(path)?.get(client) ?? 0
    this.#set(path, client, bits & ~bitsOf(mode))
  }

  removeClient(client: C): void {
    for (const path of this.#pathsOf.get(client) ?? []) this.#set(path, client, 0)
  }

  get clientCount(): number {
    return this.#pathsOf.size
  }

  get pathCount(): number {
    return this.#byPath.size
  }

  get watchCount(): number {
    let count = 0
    for (const paths of this.#pathsOf.values()) count += paths.size
    return count
  }

  byPath(): [string, C[]][] {
    return [...this.#byPath].map(([path, clients]) => [path, [...clients.keys()]])
  }

  byClient(): [C, string[]][] {
    return [...this.#pathsOf].map(([client, paths]) => [client, [...paths]])
  }

  #set(path: string, client: C, bits: number): void {
    const clients = this.#byPath.get(path)
    const before = clients?.get(client)
    if (clients === undefined || before === undefined) return
    if ((before & RECURSIVE) !== 0 && (bits & RECURSIVE) === 0) this.#recursiveCount -= 1
    if (bits !== 0) {
      clients.set(client, bits)
      return
    }
    clients.delete(client)
    if (clients.size === 0) this.#byPath.delete(path)
    const paths = this.#pathsOf.get(client)
    if (paths?.delete(path) && paths.size === 0) this.#pathsOf.delete(client)
  }
}
