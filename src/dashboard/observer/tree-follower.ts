/**
 * Follows all znodes below a root by one-shot watches. A watch only says "look again", so every
 * event leads to a read that arms the next one; what is known is compared with what was read. Reads
 * are pipelined, the session limits how many. A new session begins with a reading of everything and
 * tells the differences.
 */
import type { Clock } from '../../base/ports.ts'
import {
  isZkError,
  type ZkOperations,
  type ZkStat,
  type ZkWatchEvent,
  type ZkWatcher,
} from '../../zk/zk-client.ts'
import { ChangeOrder, type Slot, type TreeChange, type ZnodeView } from './change-order.ts'
import { isLeaf, kafkaChildren, shownText } from './kafka-tree.ts'
import type { WallTime } from './wall-time.ts'

interface Known {
  view: ZnodeView
  /** In which it was read last: zxids of two sessions may be of two ZooKeepers. */
  session: number
  children: ReadonlySet<string>
}

/** One reading and what it is for. */
interface Visit {
  /** Of the session; what an older one still brings is dropped. */
  readonly session: number
  readonly slot: Slot
  readonly atMs: number
  /** A watch told of it, at `atMs`. */
  readonly isHeard: boolean
  /** How a node is told that was not known. */
  readonly newKind: 'found' | 'created'
  /** Known nodes below are read too: their watches are gone. */
  readonly isDeep: boolean
}

const ROOT = '/'

export class TreeFollower {
  #zk: ZkOperations | null = null
  readonly #time: WallTime
  readonly #order: ChangeOrder
  readonly #known = new Map<string, Known>()
  /** One function per path, so that a watch is never armed twice. */
  readonly #watchers = new Map<string, ZkWatcher>()
  #session = 0
  #isLoaded = false

  constructor(clock: Clock, time: WallTime, onChange: (change: TreeChange) => void) {
    this.#time = time
    this.#order = new ChangeOrder(clock, onChange)
  }

  get znodeCount(): number {
    return this.#known.size
  }

  /** To be called once per session. True when the tree was told, false when the session ended. */
  async load(zk: ZkOperations): Promise<boolean> {
    this.#zk = zk
    this.#session += 1
    this.#order.drop()
    this.#watchers.clear()
    const session = this.#session
    await this.#visitRoot()
    if (session !== this.#session) return false
    this.#order.flush()
    this.#isLoaded = true
    return true
  }

  stop(): void {
    this.#session += 1
    this.#order.drop()
  }

  #begin(): Visit {
    return {
      session: this.#session,
      slot: this.#order.open(),
      atMs: this.#time.now(),
      isHeard: true,
      newKind: this.#isLoaded ? 'created' : 'found',
      isDeep: false,
    }
  }

  /** The root is a chroot perhaps, which is not there before the first broker. */
  async #visitRoot(): Promise<void> {
    const visit: Visit = { ...this.#begin(), isHeard: false, isDeep: true }
    await this.#visit(ROOT, visit)
    if (this.#isStale(visit) || this.#known.has(ROOT)) return
    const stat = await this.#attempt(visit, (zk) => zk.exists(ROOT, this.#watcherOf(ROOT)))
    if (stat !== null && stat !== undefined) await this.#visitRoot()
  }

  #isStale(visit: Visit): boolean {
    return visit.session !== this.#session
  }

  /** The node, and what is below it as far as it is not known. */
  async #visit(path: string, visit: Visit): Promise<void> {
    const data = this.#readData(path, visit)
    const names = isLeaf(path) ? Promise.resolve(null) : this.#list(path, visit)
    await data
    const listed = await names
    await this.#compareChildren(path, listed, visit)
  }

  async #visitData(path: string, visit: Visit): Promise<void> {
    await this.#readData(path, visit)
    this.#order.close(visit.slot)
  }

  async #visitChildren(path: string, visit: Visit): Promise<void> {
    await this.#compareChildren(path, await this.#list(path, visit), visit)
  }

  #list(path: string, visit: Visit) {
    return this.#attempt(visit, (zk) => zk.children(path, this.#watcherOf(path)))
  }

  async #readData(path: string, visit: Visit): Promise<void> {
    const read = await this.#attempt(visit, (zk) => zk.get(path, this.#watcherOf(path)))
    if (this.#isStale(visit) || read === undefined) return
    if (read === null) {
      this.#forget(path, visit)
      return
    }
    this.#compare(path, { text: shownText(path, read.data), stat: read.stat }, visit)
  }

  /** Null: no such node. Undefined: no answer that counts; the next session reads everything. */
  async #attempt<T>(
    visit: Visit,
    read: (zk: ZkOperations) => Promise<T>,
  ): Promise<T | null | undefined> {
    if (this.#isStale(visit) || this.#zk === null) return undefined
    try {
      return await read(this.#zk)
    } catch (error) {
      if (!isZkError(error)) throw error
      return error.errorName === 'NO_NODE' ? null : undefined
    }
  }

  #compare(path: string, after: ZnodeView, visit: Visit): void {
    const known = this.#known.get(path)
    const { session } = visit
    const tell = (kind: TreeChange['kind'], before: ZnodeView | null) =>
      visit.slot.changes.push({ kind, path, before, after, atMs: visit.atMs })
    if (known === undefined) {
      this.#known.set(path, { view: after, session, children: new Set() })
      tell(visit.newKind, null)
      return
    }
    const before = known.view
    if (known.session === session && after.stat.mzxid < before.stat.mzxid) return
    known.session = session
    if (before.stat.czxid === after.stat.czxid) {
      known.view = after
      const isSame = before.stat.mzxid === after.stat.mzxid && before.text === after.text
      if (!isSame) tell('changed', before)
      return
    }
    this.#forget(path, visit)
    this.#known.set(path, { view: after, session, children: new Set() })
    tell('created', null)
  }

  async #compareChildren(
    path: string,
    listed: { children: string[]; stat: ZkStat } | null | undefined,
    visit: Visit,
  ): Promise<void> {
    const known = this.#known.get(path)
    if (this.#isStale(visit) || known === undefined || !listed) {
      this.#order.close(visit.slot)
      return
    }
    const names = kafkaChildren(path, listed.children)
    const present = new Set(names)
    for (const name of known.children) {
      const child = childPath(path, name)
      if (present.has(name) || this.#isNewerThan(listed.stat, child, visit)) continue
      this.#forget(child, visit)
    }
    known.children = present
    const paths = names
      .map((name) => childPath(path, name))
      .filter((child) => visit.isDeep || !this.#known.has(child))
    await this.#visitBelow(paths, visit)
  }

  /** A child that is not in the list may have been made after the list was. */
  #isNewerThan(list: ZkStat, path: string, visit: Visit): boolean {
    const known = this.#known.get(path)
    return known?.session === visit.session && known.view.stat.czxid > list.pzxid
  }

  async #visitBelow(paths: readonly string[], visit: Visit): Promise<void> {
    // Deeper down the list that shows a node is the first to tell of it.
    const atMs = visit.isHeard ? visit.atMs : this.#time.now()
    let slot = visit.slot
    const below = paths.map((path) => {
      slot = this.#order.open(slot)
      return { path, visit: { ...visit, slot, atMs, isHeard: false } }
    })
    this.#order.close(visit.slot)
    await Promise.all(below.map((each) => this.#visit(each.path, each.visit)))
  }

  /** Children first, as they were deleted. */
  #forget(path: string, visit: Visit): void {
    const known = this.#known.get(path)
    if (known === undefined) return
    for (const name of known.children) this.#forget(childPath(path, name), visit)
    this.#known.delete(path)
    this.#watchers.delete(path)
    const { view: before } = known
    visit.slot.changes.push({ kind: 'deleted', path, before, after: null, atMs: visit.atMs })
  }

  #watcherOf(path: string): ZkWatcher {
    let watcher = this.#watchers.get(path)
    if (watcher === undefined) {
      const session = this.#session
      watcher = (event) => {
        if (session === this.#session) void this.#onEvent(event.type, path)
      }
      this.#watchers.set(path, watcher)
    }
    return watcher
  }

  /** Always reads: an answer that is older than the event may still be on its way to us. */
  async #onEvent(type: ZkWatchEvent['type'], path: string): Promise<void> {
    if (type === 'children') return this.#visitChildren(path, this.#begin())
    if (type === 'changed') return this.#visitData(path, this.#begin())
    if (type === 'deleted') await this.#visit(path, this.#begin())
    if (path === ROOT && !this.#known.has(ROOT)) await this.#visitRoot()
  }
}

function childPath(parent: string, name: string): string {
  return parent === ROOT ? `/${name}` : `${parent}/${name}`
}
