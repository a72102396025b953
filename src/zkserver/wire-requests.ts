/** Request frames to requests. */

import { ErrorCode } from './error-codes.ts'
import { JuteError, JuteReader } from './jute.ts'
import { OpCode } from './opcodes.ts'
import type {
  ConnectRequest,
  CreateKind,
  CreateRequest,
  ReadOp,
  Request,
  SetWatchesRequest,
  WatcherType,
  WriteOp,
} from './requests.ts'
import type { Acl } from './znode.ts'

export interface WireConnectRequest extends ConnectRequest {
  /** Clients before 3.4 send no read-only flag, and expect none back. */
  readonly hasReadOnlyFlag: boolean
}

/** Throws `JuteError`. */
export function decodeConnectRequest(frame: Buffer): WireConnectRequest {
  const reader = new JuteReader(frame)
  reader.int() // Protocol version, always 0.
  const lastZxidSeen = reader.long()
  const timeoutMs = reader.int()
  const sessionId = reader.long()
  const password = reader.buffer() ?? Buffer.alloc(0)
  const hasReadOnlyFlag = reader.remaining > 0
  return { lastZxidSeen, timeoutMs, sessionId, password, hasReadOnlyFlag }
}

export interface RequestHeader {
  readonly xid: number
  readonly opcode: number
}

/** Throws `JuteError`. */
export function decodeRequestHeader(reader: JuteReader): RequestHeader {
  return { xid: reader.int(), opcode: reader.int() }
}

/** A body that is malformed or of an unknown kind becomes a request that is refused. */
export function decodeRequest(opcode: number, reader: JuteReader): Request {
  try {
    const request = decodeNodeRequest(opcode, reader) ?? decodeSessionRequest(opcode, reader)
    return request ?? { kind: 'unknown' }
  } catch (error) {
    if (!(error instanceof JuteError)) throw error
    // Of what is malformed only a multi takes a zxid.
    const kind = opcode === OpCode.MULTI ? 'refused-write' : 'refused-read'
    return { kind, code: ErrorCode.MARSHALLING_ERROR }
  }
}

function decodeNodeRequest(opcode: number, reader: JuteReader): Request | null {
  const createKind = CREATE_KINDS.get(opcode)
  if (createKind !== undefined) return decodeCreate(createKind, reader)
  switch (opcode) {
    case OpCode.DELETE:
      return { kind: 'delete', path: reader.string(), version: reader.int() }
    case OpCode.EXISTS:
      return { kind: 'exists', path: reader.string(), watch: reader.bool() }
    case OpCode.GET_DATA:
      return { kind: 'get-data', path: reader.string(), watch: reader.bool() }
    case OpCode.SET_DATA:
      return decodeSetData(reader)
    case OpCode.GET_ACL:
      return { kind: 'get-acl', path: reader.string() }
    case OpCode.SET_ACL: {
      const path = reader.string()
      return { kind: 'set-acl', path, acl: decodeAcl(reader), version: reader.int() }
    }
    case OpCode.GET_CHILDREN:
      return { kind: 'get-children', path: reader.string(), watch: reader.bool() }
    case OpCode.GET_CHILDREN2:
      return { kind: 'get-children2', path: reader.string(), watch: reader.bool() }
    case OpCode.MULTI:
      return { kind: 'multi', ops: decodeOps(reader, decodeWriteOp) }
    case OpCode.MULTI_READ:
      return { kind: 'multi-read', ops: decodeOps(reader, decodeReadOp) }
    case OpCode.DELETE_CONTAINER:
      return { kind: 'delete-container', path: reader.string() }
    case OpCode.GET_ALL_CHILDREN_NUMBER:
      return { kind: 'get-all-children-number', path: reader.string() }
    default:
      return null
  }
}

function decodeSessionRequest(opcode: number, reader: JuteReader): Request | null {
  switch (opcode) {
    case OpCode.PING:
      return { kind: 'ping' }
    case OpCode.SYNC:
      return { kind: 'sync', path: reader.string() }
    case OpCode.CHECK_WATCHES:
    case OpCode.REMOVE_WATCHES: {
      const kind = opcode === OpCode.CHECK_WATCHES ? 'check-watches' : 'remove-watches'
      return { kind, path: reader.string(), type: decodeWatcherType(reader) }
    }
    case OpCode.AUTH: {
      reader.int() // Type, always 0.
      return {
        kind: 'auth',
        scheme: reader.string(),
        auth: reader.buffer() ?? Buffer.alloc(0),
      }
    }
    case OpCode.SET_WATCHES:
    case OpCode.SET_WATCHES2:
      return decodeSetWatches(opcode, reader)
    case OpCode.GET_EPHEMERALS:
      return { kind: 'get-ephemerals', prefix: reader.string() }
    case OpCode.ADD_WATCH: {
      const path = reader.string()
      const mode = reader.int()
      if (mode !== 0 && mode !== 1) throw new JuteError(`watch mode ${mode}`)
      return { kind: 'add-watch', path, mode: mode === 0 ? 'persistent' : 'persistent-recursive' }
    }
    case OpCode.WHO_AM_I:
      return { kind: 'who-am-i' }
    case OpCode.CLOSE_SESSION:
      return { kind: 'close-session' }
    case OpCode.RECONFIG:
      return { kind: 'refused-write', code: ErrorCode.RECONFIG_DISABLED }
    default:
      return null
  }
}

const CREATE_KINDS: ReadonlyMap<number, CreateKind> = new Map([
  [OpCode.CREATE, 'create'],
  [OpCode.CREATE2, 'create2'],
  [OpCode.CREATE_CONTAINER, 'create-container'],
  [OpCode.CREATE_TTL, 'create-ttl'],
])

function decodeCreate(kind: CreateKind, reader: JuteReader): CreateRequest {
  const path = reader.string()
  const data = reader.buffer()
  const acl = decodeAcl(reader)
  const flags = reader.int()
  if (kind === 'create-ttl') reader.long()
  return { kind, path, data, acl, flags }
}

function decodeSetData(reader: JuteReader): WriteOp {
  const path = reader.string()
  const data = reader.buffer()
  return { kind: 'set-data', path, data, version: reader.int() }
}

const ACL_MIN_BYTES = 12

export function decodeAcl(reader: JuteReader): Acl[] {
  return reader.vector(ACL_MIN_BYTES, () => ({
    permissions: reader.int(),
    scheme: reader.string(),
    id: reader.string(),
  }))
}

const WATCHER_TYPES: readonly (WatcherType | undefined)[] = [
  undefined,
  'children',
  'data',
  'any',
  'persistent',
  'persistent-recursive',
]

function decodeWatcherType(reader: JuteReader): WatcherType {
  const number = reader.int()
  const type = WATCHER_TYPES[number]
  if (type === undefined) throw new JuteError(`watcher type ${number}`)
  return type
}

const STRING_MIN_BYTES = 4

function decodeSetWatches(opcode: number, reader: JuteReader): SetWatchesRequest {
  const strings = () => reader.vector(STRING_MIN_BYTES, () => reader.string())
  const hasPersistent = opcode === OpCode.SET_WATCHES2
  return {
    kind: 'set-watches',
    relativeZxid: reader.long(),
    data: strings(),
    exists: strings(),
    children: strings(),
    persistent: hasPersistent ? strings() : [],
    persistentRecursive: hasPersistent ? strings() : [],
  }
}

/** Headers of type, done, error alternate with operations; a header that is done ends the list. */
function decodeOps<T>(
  reader: JuteReader,
  decodeOp: (opcode: number, reader: JuteReader) => T,
): T[] {
  const ops: T[] = []
  for (;;) {
    const opcode = reader.int()
    const done = reader.bool()
    reader.int()
    if (done) return ops
    ops.push(decodeOp(opcode, reader))
  }
}

function decodeWriteOp(opcode: number, reader: JuteReader): WriteOp {
  const createKind = CREATE_KINDS.get(opcode)
  if (createKind !== undefined) return decodeCreate(createKind, reader)
  if (opcode === OpCode.SET_DATA) return decodeSetData(reader)
  if (opcode === OpCode.DELETE || opcode === OpCode.CHECK) {
    const kind = opcode === OpCode.DELETE ? 'delete' : 'check'
    return { kind, path: reader.string(), version: reader.int() }
  }
  throw new JuteError(`opcode ${opcode} in a multi`)
}

function decodeReadOp(opcode: number, reader: JuteReader): ReadOp {
  if (opcode === OpCode.GET_DATA) {
    return { kind: 'get-data', path: reader.string(), watch: reader.bool() }
  }
  if (opcode === OpCode.GET_CHILDREN) {
    return { kind: 'get-children', path: reader.string(), watch: reader.bool() }
  }
  throw new JuteError(`opcode ${opcode} in a multi of reads`)
}
