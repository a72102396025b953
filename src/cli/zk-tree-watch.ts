/**
 * Watches a znode, or all below it, and tells each change with what was before. A watch only says
 * "look again": changes that follow fast upon each other come out as one.
 */

import { SerialQueue } from '../base/serial-queue.ts'
import { isZkError, type ZkOperations, type ZkStat } from '../zk/zk-client.ts'

export interface ZnodeView {
  readonly data: Buffer | null
  readonly stat: ZkStat
}

export type ZnodeChange =
  | { readonly kind: 'created'; readonly path: string; readonly after: ZnodeView }
  | {
      /** Recreated: the node was deleted and made anew in between. */
      readonly kind: 'changed' | 'recreated'
      readonly path: string
      readonly before: ZnodeView
      readonly after: ZnodeView
    }
  | { readonly kind: 'deleted'; readonly path: string; readonly before: ZnodeView }
  /** Only told when what is below is not watched itself. */
  | {
      readonly kind: 'children'
      readonly path: string
      readonly added: readonly string[]
      readonly removed: readonly string[]
    }

interface Known {
  view: ZnodeView
  children: readonly string[]
}

export class TreeWatch {
  readonly #zk: ZkOperations
  readonly #root: string
  readonly #isRecursive: boolean
  readonly #onChange: (change: ZnodeChange) => void
  readonly #queue = new SerialQueue()
  readonly #known = new Map<string, Known>()
  /** One function per path, so that a watch is never armed twice. */
  readonly #watchers = new Map<string, () => void>()
  readonly #waiting = new Set<string>()
  #isTelling = false

  constructor(
    zk: ZkOperations,
    root: string,
    isRecursive: boolean,
    onChange: (change: ZnodeChange) => void,
  ) {
    this.#zk = zk
    this.#root = root
    this.#isRecursive = isRecursive
    this.#onChange = onChange
  }

  /** How many nodes there are now; changes are told from here on. */
  async start(): Promise<number> {
    await this.#look(this.#root)
    this.#isTelling = true
    return this.#known.size
  }

  /** All watches are gone: everything is read again, and told where it changed meanwhile. */
  onNewSession(): Promise<void> {
    return this.#queue.run(() => this.#read(this.#root, true))
  }

  #look(path: string): Promise<void> {
    if (this.#waiting.has(path)) return Promise.resolve()
    this.#waiting.add(path)
    return this.#queue.run(async () => {
      this.#waiting.delete(path)
      await this.#read(path, false)
    })
  }

  /** An event that finds the session gone: the next session reads everything. */
  #watcherOf(path: string): () => void {
    let watcher = this.#watchers.get(path)
    if (watcher === undefined) {
      watcher = () => void this.#look(path).catch(() => {})
      this.#watchers.set(path, watcher)
    }
    return watcher
  }

  /** `all`: those below too, even where their own watches would tell. */
  async #read(path: string, all: boolean): Promise<void> {
    const watcher = this.#watcherOf(path)
    try {
      const view = await this.#zk.get(path, watcher)
      const { children } = await this.#zk.children(path, watcher)
      this.#compare(path, view)
      await this.#compareChildren(path, children.sort(), all)
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
      this.#forget(path)
      if (path === this.#root && (await this.#zk.exists(path, watcher)) !== null) {
        await this.#read(path, all)
      }
    }
  }

  #compare(path: string, after: ZnodeView): void {
    const known = this.#known.get(path)
    if (known === undefined) {
      this.#known.set(path, { view: after, children: [] })
      this.#tell({ kind: 'created', path, after })
      return
    }
    const before = known.view
    known.view = after
    if (before.stat.czxid !== after.stat.czxid) {
      this.#tell({ kind: 'recreated', path, before, after })
    } else if (before.stat.mzxid !== after.stat.mzxid) {
      this.#tell({ kind: 'changed', path, before, after })
    }
  }

  async #compareChildren(path: string, children: readonly string[], all: boolean): Promise<void> {
    const known = this.#known.get(path)
    if (known === undefined) return
    const added = children.filter((name) => !known.children.includes(name))
    const removed = known.children.filter((name) => !children.includes(name))
    known.children = children
    if (!this.#isRecursive) {
      if (added.length + removed.length > 0) this.#tell({ kind: 'children', path, added, removed })
      return
    }
    for (const name of removed) this.#forget(childPath(path, name))
    for (const name of children) {
      const child = childPath(path, name)
      if (all || !this.#known.has(child)) await this.#read(child, all)
    }
  }

  #forget(path: string): void {
    const known = this.#known.get(path)
    if (known === undefined) return
    for (const name of known.children) this.#forget(childPath(path, name))
    this.#known.delete(path)
    this.#watchers.delete(path)
    this.#tell({ kind: 'deleted', path, before: known.view })
  }

  #tell(change: ZnodeChange): void {
    if (this.#isTelling) this.#onChange(change)
  }
}

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}
