/** Every change of a znode in the order of zxids, as the server applied it; never through a client. */

import { assert } from '../../src/base/assert.ts'
import type { NodeChange, Txn } from '../../src/zkserver/txn.ts'

export interface ZnodeChange {
  readonly zxid: bigint
  readonly atMs: number
  /** Of the session that asked for it, or whose end did it. */
  readonly sessionId: bigint
  readonly path: string
  readonly kind: 'created' | 'changed' | 'deleted'
  /** Null also after a deletion. */
  readonly data: Buffer | null
  /** After the change; -1 after a deletion. */
  readonly version: number
  /** True when the owner's session ended, rather than somebody deleting it. */
  readonly bySessionEnd: boolean
}

interface LiveNode {
  data: Buffer | null
  version: number
  readonly owner: bigint
}

export class ZnodeHistory {
  readonly changes: ZnodeChange[] = []
  readonly #nodes = new Map<string, LiveNode>()
  readonly #listeners: ((change: ZnodeChange) => void)[] = []
  readonly #nowMs: () => number
  #lastZxid = 0n

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get lastZxid(): bigint {
    return this.#lastZxid
  }

  onChange(listener: (change: ZnodeChange) => void): void {
    this.#listeners.push(listener)
  }

  /** What the node has now; undefined when there is none. */
  data(path: string): Buffer | null | undefined {
    return this.#nodes.get(path)?.data
  }

  ownerOf(path: string): bigint | undefined {
    return this.#nodes.get(path)?.owner
  }

  childrenOf(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`
    return [...this.#nodes.keys()]
      .filter((other) => other.startsWith(prefix) && !other.includes('/', prefix.length))
      .map((other) => other.slice(prefix.length))
  }

  /** Those of an earlier life of the server come again from its log. */
  record({ zxid, sessionId, change }: Txn): void {
    if (zxid <= this.#lastZxid) return
    assert(zxid === this.#lastZxid + 1n, `zxid ${zxid} follows ${this.#lastZxid}`)
    this.#lastZxid = zxid
    if (change.kind === 'create-session' || change.kind === 'error') return
    if (change.kind === 'close-session') {
      for (const [path, { owner }] of [...this.#nodes]) {
        if (owner === sessionId) this.#apply(zxid, sessionId, { kind: 'delete', path }, true)
      }
      return
    }
    const changes = change.kind === 'multi' ? change.changes : [change]
    for (const each of changes) this.#apply(zxid, sessionId, each, false)
  }

  #apply(zxid: bigint, sessionId: bigint, change: NodeChange, bySessionEnd: boolean): void {
    const { path } = change
    if (change.kind === 'check' || change.kind === 'set-acl') return
    const base = { zxid, atMs: this.#nowMs(), sessionId, path, bySessionEnd }
    if (change.kind === 'delete') {
      this.#nodes.delete(path)
      this.#tell({ ...base, kind: 'deleted', data: null, version: -1 })
      return
    }
    const { data } = change
    const found = this.#nodes.get(path)
    if (change.kind === 'create' || found === undefined) {
      const owner = change.kind === 'create' ? change.owner : 0n
      this.#nodes.set(path, { data, version: 0, owner })
      this.#tell({ ...base, kind: 'created', data, version: 0 })
      return
    }
    found.data = data
    found.version += 1
    this.#tell({ ...base, kind: 'changed', data, version: found.version })
  }

  #tell(change: ZnodeChange): void {
    this.changes.push(change)
    for (const listener of this.#listeners) listener(change)
  }
}
