/**
 * The watches of one session as its client keeps them: one-shot, armed by the answer to a read, and
 * sent to the server again after a reconnection. One function armed twice at a path is called once.
 */

import type { ZkWatchEvent, ZkWatcher } from './zk-client.ts'

/** `exists`: at a missing node; `data`: at a node that was there; `children`: at a parent. */
export type WatchKind = 'data' | 'exists' | 'children'

export interface WatchedPaths {
  readonly data: readonly string[]
  readonly exists: readonly string[]
  readonly children: readonly string[]
}

const FIRED_BY: Record<ZkWatchEvent['type'], readonly WatchKind[]> = {
  created: ['data', 'exists'],
  changed: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  children: ['children'],
}

export class WatchRegistry {
  readonly #watchers: Record<WatchKind, Map<string, Set<ZkWatcher>>> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  }

  add(kind: WatchKind, path: string, watcher: ZkWatcher): void {
    const watchers = this.#watchers[kind].get(path)
    if (watchers === undefined) this.#watchers[kind].set(path, new Set([watcher]))
    else watchers.add(watcher)
  }

  /** Removes and returns the watchers that the event is for, each once. */
  take({ type, path }: ZkWatchEvent): ZkWatcher[] {
    const taken = new Set<ZkWatcher>()
    for (const kind of FIRED_BY[type]) {
      for (const watcher of this.#watchers[kind].get(path) ?? []) taken.add(watcher)
      this.#watchers[kind].delete(path)
    }
    return [...taken]
  }

  get isEmpty(): boolean {
    return Object.values(this.#watchers).every((paths) => paths.size === 0)
  }

  paths(): WatchedPaths {
    const { data, exists, children } = this.#watchers
    return { data: [...data.keys()], exists: [...exists.keys()], children: [...children.keys()] }
  }

  clear(): void {
    for (const paths of Object.values(this.#watchers)) paths.clear()
  }
}
