/** A node of the tree and the shapes that describe it to clients. */

export interface Acl {
  /** Bits of `Permission`. */
  readonly permissions: number
  readonly scheme: string
  readonly id: string
}

/** What a connection has proved to be, such as `digest` with `user:hash`, or `ip` with its address. */
export interface Identity {
  readonly scheme: string
  readonly id: string
}

export const Permission = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const

export const OPEN_ACL: readonly Acl[] = [
  { permissions: Permission.ALL, scheme: 'world', id: 'anyone' },
]
export const READ_ACL: readonly Acl[] = [
  { permissions: Permission.READ, scheme: 'world', id: 'anyone' },
]

/** `owner` of a container node: the smallest int64, as the real server has it. */
export const CONTAINER_OWNER = -(1n << 63n)

export interface Stat {
  readonly czxid: bigint
  readonly mzxid: bigint
  readonly pzxid: bigint
  readonly ctimeMs: number
  readonly mtimeMs: number
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  readonly ephemeralOwner: bigint
  readonly dataLength: number
  readonly numChildren: number
}

export interface Znode {
  /** Null and empty are different answers. */
  data: Buffer | null
  acl: readonly Acl[]
  readonly czxid: bigint
  mzxid: bigint
  pzxid: bigint
  readonly ctimeMs: number
  mtimeMs: number
  version: number
  aversion: number
  /** Children ever created; the next sequential child gets this number. */
  childrenCreated: number
  /** Session id of an ephemeral node, `CONTAINER_OWNER`, or 0n. */
  readonly owner: bigint
  /** Null stands for none: most nodes are leaves. */
  children: Set<string> | null
}

export function childCount(node: Znode): number {
  return node.children === null ? 0 : node.children.size
}

export function isEphemeral(owner: bigint): boolean {
  return owner !== 0n && owner !== CONTAINER_OWNER
}

/** The `cversion` that clients see counts creations and deletions; of containers they see no mark. */
export function statOf(node: Znode): Stat {
  const numChildren = childCount(node)
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctimeMs: node.ctimeMs,
    mtimeMs: node.mtimeMs,
    version: node.version,
    cversion: node.childrenCreated * 2 - numChildren,
    aversion: node.aversion,
    ephemeralOwner: isEphemeral(node.owner) ? node.owner : 0n,
    dataLength: node.data === null ? 0 : node.data.length,
    numChildren,
  }
}
