/**
 * The tree of nodes and its arithmetic of versions and zxids. Pure: callers have decided that a
 * change is legal (`decide.ts`), so a missing node here is a bug.
 */

import { assert } from '../base/assert.ts'
import {
  type Acl,
  CONTAINER_OWNER,
  isEphemeral,
  OPEN_ACL,
  READ_ACL,
  type Stat,
  statOf,
  type Znode,
} from './znode.ts'
import { childPath, nameOf, parentOf } from './znode-path.ts'

export interface NewNode {
  readonly path: string
  readonly data: Buffer | null
  readonly acl: readonly Acl[]
  readonly owner: bigint
}

export class DataTree {
  readonly #nodes = new Map<string, Znode>()
  readonly #ephemerals = new Map<bigint, Set<string>>()
  readonly #containers = new Set<string>()
  #approximateBytes = 0

  /** What a fresh server has: the root, /zookeeper and its two children. */
  static fresh(): DataTree {
    const tree = new DataTree()
    tree.restore('/', freshNode(OPEN_ACL))
    tree.restore('/zookeeper', freshNode(OPEN_ACL))
    tree.restore('/zookeeper/config', { ...freshNode(READ_ACL), aversion: -1 })
    tree.restore('/zookeeper/quota', freshNode(OPEN_ACL))
    return tree
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  get ephemeralCount(): number {
    let count = 0
    for (const paths of this.#ephemerals.values()) count += paths.size
    return count
  }

  /** Paths and data, as the real server estimates it. */
  get approximateBytes(): number {
    return this.#approximateBytes
  }

  get(path: string): Znode | undefined {
    return this.#nodes.get(path)
  }

  childNames(path: string): string[] {
    return [...(this.#mustGet(path).children ?? [])]
  }

  /** In the order of their creation. */
  ephemeralsOf(sessionId: bigint): string[] {
    return [...(this.#ephemerals.get(sessionId) ?? [])]
  }

  ephemeralOwners(): bigint[] {
    return [...this.#ephemerals.keys()]
  }

  /** Containers that had children and have none left: the reaper may delete them. */
  emptyContainers(): string[] {
    return [...this.#containers].filter((path) => {
      const node = this.#mustGet(path)
      return node.childrenCreated > 0 && (node.children === null || node.children.size === 0)
    })
  }

  /** Every node below, the path itself not counted. */
  countBelow(path: string): number {
    let count = -1
    for (const _ of this.entries(path)) count += 1
    return count
  }

  create(node: NewNode, zxid: bigint, timeMs: number): Stat {
    assert(!this.#nodes.has(node.path), `create of ${node.path}, which exists`)
    const parent = this.#mustGet(parentOf(node.path))
    parent.childrenCreated += 1
    parent.pzxid = zxid
    const made: Znode = {
      data: node.data,
      acl: node.acl,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctimeMs: timeMs,
      mtimeMs: timeMs,
      version: 0,
      aversion: 0,
      childrenCreated: 0,
      owner: node.owner,
      children: null,
    }
    this.restore(node.path, made)
    return statOf(made)
  }

  delete(path: string, zxid: bigint): void {
    const node = this.#mustGet(path)
    assert((node.children?.size ?? 0) === 0, `delete of ${path}, which has children`)
    const parent = this.#mustGet(parentOf(path))
    parent.children?.delete(nameOf(path))
    if (zxid > parent.pzxid) parent.pzxid = zxid
    this.#nodes.delete(path)
    this.#containers.delete(path)
    this.#approximateBytes -= sizeOf(path, node.data)
    const owned = this.#ephemerals.get(node.owner)
    if (owned?.delete(path) && owned.size === 0) this.#ephemerals.delete(node.owner)
  }

  setData(path: string, data: Buffer | null, zxid: bigint, timeMs: number): Stat {
    const node = this.#mustGet(path)
    this.#approximateBytes += sizeOf('', data) - sizeOf('', node.data)
    node.data = data
    node.mzxid = zxid
    node.mtimeMs = timeMs
    node.version = nextVersion(node.version)
    return statOf(node)
  }

  setAcl(path: string, acl: readonly Acl[]): Stat {
    const node = this.#mustGet(path)
    node.acl = acl
    node.aversion = nextVersion(node.aversion)
    return statOf(node)
  }

  /** A node and all below it, a parent always before its children. */
  *entries(from = '/'): Generator<[string, Znode]> {
    const stack = [from]
    for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
      const node = this.#mustGet(path)
      yield [path, node]
      const below = [...(node.children ?? [])].map((name) => childPath(path, name))
      stack.push(...below.reverse())
    }
  }

  /** Puts a node as it is under its parent, which is there, and leaves the parent's stat alone. */
  restore(path: string, node: Znode): void {
    if (path !== '/') {
      const parent = this.#mustGet(parentOf(path))
      parent.children ??= new Set()
      parent.children.add(nameOf(path))
    }
    this.#nodes.set(path, node)
    this.#approximateBytes += sizeOf(path, node.data)
    if (node.owner === CONTAINER_OWNER) this.#containers.add(path)
    if (!isEphemeral(node.owner)) return
    const owned = this.#ephemerals.get(node.owner)
    if (owned === undefined) this.#ephemerals.set(node.owner, new Set([path]))
    else owned.add(path)
  }

  #mustGet(path: string): Znode {
    const node = this.#nodes.get(path)
    assert(node !== undefined, `no node ${path}`)
    return node
  }
}

/** A version never becomes -1, which means "any" in a request. */
export function nextVersion(version: number): number {
  const next = (version + 1) | 0
  return next === -1 ? 0 : next
}

function freshNode(acl: readonly Acl[]): Znode {
  return {
    data: Buffer.alloc(0),
    acl,
    czxid: 0n,
    mzxid: 0n,
    pzxid: 0n,
    ctimeMs: 0,
    mtimeMs: 0,
    version: 0,
    aversion: 0,
    childrenCreated: 0,
    owner: 0n,
    children: null,
  }
}

function sizeOf(path: string, data: Buffer | null): number {
  return path.length + (data === null ? 0 : data.length)
}
