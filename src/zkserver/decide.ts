/**
 * Turns a write request into a change or throws `RequestError`, without touching the tree. The
 * operations of a multi see each other through a `Draft`. The order of the checks is the real
 * server's, because it decides which of two errors a client sees.
 */

import { checkAllowed, resolveAcl } from './acl.ts'
import { type DataTree, nextVersion } from './data-tree.ts'
import { ErrorCode, RequestError } from './error-codes.ts'
import type { CreateRequest, WriteOp, WriteRequest } from './requests.ts'
import type { NodeChange } from './txn.ts'
import {
  type Acl,
  CONTAINER_OWNER,
  childCount,
  type Identity,
  isEphemeral,
  Permission,
} from './znode.ts'
import { parentForUpdate, validatePath } from './znode-path.ts'

export interface Requester {
  readonly sessionId: bigint
  readonly identities: readonly Identity[]
}

interface NodeFacts {
  readonly acl: readonly Acl[]
  readonly version: number
  readonly aversion: number
  readonly childrenCreated: number
  readonly childCount: number
  readonly owner: bigint
}

/** The tree as it will be after the changes decided so far; null marks a deleted node. */
export class Draft {
  readonly #tree: DataTree
  readonly #changed = new Map<string, NodeFacts | null>()

  constructor(tree: DataTree) {
    this.#tree = tree
  }

  find(path: string): NodeFacts | null {
    const changed = this.#changed.get(path)
    if (changed !== undefined) return changed
    const node = this.#tree.get(path)
    return node === undefined ? null : { ...node, childCount: childCount(node) }
  }

  get(path: string): NodeFacts {
    const facts = this.find(path)
    if (facts === null) throw new RequestError(ErrorCode.NO_NODE, `no node ${path}`)
    return facts
  }

  put(path: string, facts: NodeFacts | null): void {
    this.#changed.set(path, facts)
  }
}

type NodeRequest = Exclude<WriteRequest, { kind: 'multi' | 'close-session' | 'refused-write' }>

export function decideChange(draft: Draft, request: NodeRequest, by: Requester): NodeChange {
  switch (request.kind) {
    case 'delete':
      return decideDelete(draft, request.path, request.version, by)
    case 'set-data':
      return decideSetData(draft, request, by)
    case 'check':
      return decideCheck(draft, request.path, request.version, by)
    case 'set-acl':
      return decideSetAcl(draft, request, by)
    case 'delete-container':
      return decideDeleteContainer(draft, request.path)
    default:
      return decideCreate(draft, request, by)
  }
}

export type MultiDecision =
  | { readonly kind: 'ok'; readonly changes: readonly NodeChange[] }
  /** One code per operation: 0 before the failing one, "runtime inconsistency" after it. */
  | { readonly kind: 'failed'; readonly codes: readonly number[] }

export function decideMulti(tree: DataTree, ops: readonly WriteOp[], by: Requester): MultiDecision {
  const draft = new Draft(tree)
  const changes: NodeChange[] = []
  for (const op of ops) {
    try {
      changes.push(decideChange(draft, op, by))
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const failed = changes.length
      const codes = ops.map((_, index) => {
        if (index < failed) return ErrorCode.OK
        return index === failed ? error.code : ErrorCode.RUNTIME_INCONSISTENCY
      })
      return { kind: 'failed', codes }
    }
  }
  return { kind: 'ok', changes }
}

interface CreateMode {
  readonly ephemeral: boolean
  readonly sequential: boolean
  readonly container: boolean
}

function createModeOf(flags: number, path: string): CreateMode {
  if (flags === 5 || flags === 6) {
    throw new RequestError(ErrorCode.UNIMPLEMENTED, `TTL nodes are not enabled: ${path}`)
  }
  if (flags < 0 || flags > 4) {
    throw new RequestError(ErrorCode.BAD_ARGUMENTS, `create mode ${flags} of ${path}`)
  }
  return {
    ephemeral: flags === 1 || flags === 3,
    sequential: flags === 2 || flags === 3,
    container: flags === 4,
  }
}

function decideCreate(draft: Draft, request: CreateRequest, by: Requester): NodeChange {
  const mode = createModeOf(request.flags, request.path)
  const parentPath = parentForUpdate(request.path)
  const acl = resolveAcl(request.acl, by.identities, request.path)
  const parent = draft.get(parentPath)
  checkAllowed(parent.acl, Permission.CREATE, by.identities, request.path)
  const suffix = mode.sequential ? String(parent.childrenCreated).padStart(10, '0') : ''
  const path = request.path + suffix
  validatePath(path)
  if (draft.find(path) !== null) {
    throw new RequestError(ErrorCode.NODE_EXISTS, `node ${path} exists`)
  }
  if (isEphemeral(parent.owner)) {
    throw new RequestError(ErrorCode.NO_CHILDREN_FOR_EPHEMERALS, `${parentPath} is ephemeral`)
  }
  const owner = mode.container ? CONTAINER_OWNER : mode.ephemeral ? by.sessionId : 0n
  draft.put(parentPath, {
    ...parent,
    childrenCreated: parent.childrenCreated + 1,
    childCount: parent.childCount + 1,
  })
  draft.put(path, { acl, version: 0, aversion: 0, childrenCreated: 0, childCount: 0, owner })
  return { kind: 'create', path, data: request.data, acl, owner }
}

const UNDELETABLE = new Set(['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config'])

function parentForDelete(path: string): string {
  const parentPath = parentForUpdate(path)
  if (UNDELETABLE.has(path)) {
    throw new RequestError(ErrorCode.BAD_ARGUMENTS, `${path} cannot be deleted`)
  }
  return parentPath
}

function decideDelete(draft: Draft, path: string, version: number, by: Requester): NodeChange {
  const parentPath = parentForDelete(path)
  const parent = draft.get(parentPath)
  checkAllowed(parent.acl, Permission.DELETE, by.identities, path)
  const node = draft.get(path)
  checkVersion(version, node.version, path)
  return deletion(draft, path, node, parentPath)
}

function decideDeleteContainer(draft: Draft, path: string): NodeChange {
  const parentPath = parentForDelete(path)
  draft.get(parentPath)
  const node = draft.get(path)
  if (isEphemeral(node.owner)) {
    throw new RequestError(ErrorCode.BAD_VERSION, `${path} is ephemeral, not a container`)
  }
  return deletion(draft, path, node, parentPath)
}

function deletion(draft: Draft, path: string, node: NodeFacts, parentPath: string): NodeChange {
  if (node.childCount > 0) throw new RequestError(ErrorCode.NOT_EMPTY, `${path} has children`)
  const parent = draft.get(parentPath)
  draft.put(parentPath, { ...parent, childCount: parent.childCount - 1 })
  draft.put(path, null)
  return { kind: 'delete', path }
}

function decideSetData(
  draft: Draft,
  request: Extract<WriteOp, { kind: 'set-data' }>,
  by: Requester,
): NodeChange {
  const { path, data, version } = request
  validatePath(path)
  const node = draft.get(path)
  checkAllowed(node.acl, Permission.WRITE, by.identities, path)
  checkVersion(version, node.version, path)
  draft.put(path, { ...node, version: nextVersion(node.version) })
  return { kind: 'set-data', path, data }
}

function decideSetAcl(
  draft: Draft,
  request: Extract<WriteRequest, { kind: 'set-acl' }>,
  by: Requester,
): NodeChange {
  const { path, version } = request
  validatePath(path)
  const acl = resolveAcl(request.acl, by.identities, path)
  const node = draft.get(path)
  checkAllowed(node.acl, Permission.ADMIN, by.identities, path)
  checkVersion(version, node.aversion, path)
  draft.put(path, { ...node, acl, aversion: nextVersion(node.aversion) })
  return { kind: 'set-acl', path, acl }
}

function decideCheck(draft: Draft, path: string, version: number, by: Requester): NodeChange {
  validatePath(path)
  const node = draft.get(path)
  checkAllowed(node.acl, Permission.READ, by.identities, path)
  checkVersion(version, node.version, path)
  return { kind: 'check', path }
}

function checkVersion(expected: number, actual: number, path: string): void {
  if (expected === -1 || expected === actual) return
  const detail = `${path} has version ${actual}, not ${expected}`
  throw new RequestError(ErrorCode.BAD_VERSION, detail)
}
