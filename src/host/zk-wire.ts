/**
 * ZooKeeper's wire format by the jute classes of `node-zookeeper-client`, behind plain values.
 * Paths here are absolute. Decoders throw on malformed bytes; whoever calls drops the connection.
 */

import jute, {
  type JuteRecord,
  type JuteStat,
  type TransactionOp,
  type TransactionResult,
} from 'node-zookeeper-client/lib/jute/index.js'
import type { WatchedPaths } from '../zk/watch-registry.ts'
import {
  OPEN_ACL,
  type ZkAcl,
  type ZkCreateMode,
  type ZkMultiResult,
  type ZkOp,
  type ZkOpResult,
  type ZkStat,
  type ZkWatchEvent,
} from '../zk/zk-client.ts'
import { CREATE_FLAGS, EVENT_TYPES, errorNameOf } from './zk-codes.ts'

const { OP_CODES, protocol } = jute

export { OP_CODES }
export const XID_WATCH_EVENT = jute.XID_NOTIFICATION
export const XID_PING = jute.XID_PING
export const XID_AUTH = jute.XID_AUTHENTICATION
/** Missing from the package's exports. */
export const XID_SET_WATCHES = -8

const SIZE_BYTES = 4
const HEADER_BYTES = 16
/** A SetWatches packet stays well below any server's `jute.maxbuffer`. */
const SET_WATCHES_BYTES_MAX = 128 * 1024

export interface SessionCredentials {
  /** 0n asks for a new session. */
  readonly id: bigint
  readonly password: Buffer
}

export function encodeConnectRequest(
  { id, password }: SessionCredentials,
  lastZxid: bigint,
  timeoutMs: number,
): Buffer {
  const payload = new protocol.ConnectRequest(
    jute.PROTOCOL_VERSION,
    longOf(lastZxid),
    timeoutMs,
    longOf(id),
    password,
  )
  const withoutFlag = new jute.Request(null, payload).toBuffer()
  // The package predates the read-only flag: one more byte, false.
  const buffer = Buffer.concat([withoutFlag, Buffer.of(0)])
  buffer.writeInt32BE(buffer.length - SIZE_BYTES, 0)
  return buffer
}

/** `timeoutMs` of 0 or less: the session has expired. */
export function decodeConnectResponse(frame: Buffer): {
  timeoutMs: number
  session: SessionCredentials
} {
  const response = new protocol.ConnectResponse()
  response.deserialize(frame, 0)
  const session = {
    id: response.sessionId.readBigInt64BE(0),
    password: response.passwd ?? Buffer.alloc(0),
  }
  return { timeoutMs: response.timeOut, session }
}

export interface ReplyHeader {
  readonly xid: number
  readonly zxid: bigint
  /** 0 for success. */
  readonly code: number
}

export function decodeReplyHeader(frame: Buffer): ReplyHeader {
  const header = new protocol.ReplyHeader()
  header.deserialize(frame, 0)
  return { xid: header.xid, zxid: header.zxid.readBigInt64BE(0), code: header.err }
}

export function encodeRequest(xid: number, opcode: number, payload: JuteRecord | null): Buffer {
  return new jute.Request(new protocol.RequestHeader(xid, opcode), payload).toBuffer()
}

export function encodeAuth(scheme: string, auth: Buffer): Buffer {
  return encodeRequest(XID_AUTH, OP_CODES.AUTH, new protocol.AuthPacket(0, scheme, auth))
}

/** As many packets as it takes. */
export function encodeSetWatches(lastZxid: bigint, paths: WatchedPaths): Buffer[] {
  const packets: Buffer[] = []
  let batch = { data: [] as string[], exists: [] as string[], children: [] as string[] }
  let bytes = 0
  const flush = () => {
    if (bytes === 0) return
    const payload = new protocol.SetWatches(
      longOf(lastZxid),
      batch.data,
      batch.exists,
      batch.children,
    )
    packets.push(encodeRequest(XID_SET_WATCHES, OP_CODES.SET_WATCHES, payload))
    batch = { data: [], exists: [], children: [] }
    bytes = 0
  }
  for (const kind of ['data', 'exists', 'children'] as const) {
    for (const path of paths[kind]) {
      if (bytes > SET_WATCHES_BYTES_MAX) flush()
      batch[kind].push(path)
      bytes += SIZE_BYTES + Buffer.byteLength(path)
    }
  }
  flush()
  return packets
}

/** Null for events that concern no path. */
export function decodeWatchEvent(frame: Buffer): ZkWatchEvent | null {
  const event = new protocol.WatcherEvent()
  event.deserialize(frame, HEADER_BYTES)
  const type = EVENT_TYPES.get(event.type)
  return type === undefined || event.path === undefined ? null : { type, path: event.path }
}

export function createPayload(
  path: string,
  data: Buffer | null,
  acl: readonly ZkAcl[],
  mode: ZkCreateMode,
): JuteRecord {
  return new protocol.CreateRequest(path, data, acl.map(aclRecord), CREATE_FLAGS[mode])
}

export function setPayload(path: string, data: Buffer | null, version: number): JuteRecord {
  return new protocol.SetDataRequest(path, data, version)
}

export function deletePayload(path: string, version: number): JuteRecord {
  return new protocol.DeleteRequest(path, version)
}

/** Of get, exists and children. */
export function readPayload(path: string, watch: boolean): JuteRecord {
  return new protocol.GetDataRequest(path, watch)
}

/** Of getAcl; sync, which the package lacks, has the same shape: one path. */
export function pathPayload(path: string): JuteRecord {
  return new protocol.GetACLRequest(path)
}

export function setAclPayload(path: string, acl: readonly ZkAcl[], version: number): JuteRecord {
  return new protocol.SetACLRequest(path, acl.map(aclRecord), version)
}

/**
 * The versions go in as they are. (`Transaction` of the package would turn 0 into "any": its issue
 * 67.)
 */
export function multiPayload(ops: readonly ZkOp[]): JuteRecord {
  return new jute.TransactionRequest(ops.map(transactionOp))
}

function transactionOp(op: ZkOp): TransactionOp {
  switch (op.kind) {
    case 'create': {
      const acls = (op.acl ?? OPEN_ACL).map((acl) => ({ toRecord: () => aclRecord(acl) }))
      const mode = CREATE_FLAGS[op.mode]
      return { type: OP_CODES.CREATE, path: op.path, data: op.data, acls, mode }
    }
    case 'set':
      return { type: OP_CODES.SET_DATA, path: op.path, data: op.data, version: op.version }
    case 'delete':
      return { type: OP_CODES.DELETE, path: op.path, version: op.version }
    case 'check':
      return { type: OP_CODES.CHECK, path: op.path, version: op.version }
  }
}

export function decodeCreated(frame: Buffer): string {
  const response = new protocol.CreateResponse()
  response.deserialize(frame, HEADER_BYTES)
  return response.path
}

/** Of set, exists and setAcl. */
export function decodeStat(frame: Buffer): ZkStat {
  const response = new protocol.SetDataResponse()
  response.deserialize(frame, HEADER_BYTES)
  return statOf(response.stat)
}

export function decodeData(frame: Buffer): { data: Buffer | null; stat: ZkStat } {
  const response = new protocol.GetDataResponse()
  response.deserialize(frame, HEADER_BYTES)
  return { data: response.data ?? null, stat: statOf(response.stat) }
}

export function decodeChildren(frame: Buffer): { children: string[]; stat: ZkStat } {
  const response = new protocol.GetChildren2Response()
  response.deserialize(frame, HEADER_BYTES)
  return { children: response.children ?? [], stat: statOf(response.stat) }
}

export function decodeAcl(frame: Buffer): { acl: ZkAcl[]; stat: ZkStat } {
  const response = new protocol.GetACLResponse()
  response.deserialize(frame, HEADER_BYTES)
  const acl = (response.acl ?? []).map(({ perms, id }) => ({
    permissions: perms,
    scheme: id.scheme,
    id: id.id,
  }))
  return { acl, stat: statOf(response.stat) }
}

/** The header of a failed multi says success; only the body tells. */
export function decodeMulti(frame: Buffer): ZkMultiResult {
  const response = new jute.TransactionResponse()
  response.deserialize(frame, HEADER_BYTES)
  const { results } = response
  if (results.every(({ type }) => type !== OP_CODES.ERROR)) {
    return { kind: 'ok', results: results.map(opResult) }
  }
  return {
    kind: 'failed',
    errors: results.map(({ err = 0 }) => (err === 0 ? null : errorNameOf(err))),
  }
}

function opResult({ type, path, stat }: TransactionResult): ZkOpResult {
  if (type === OP_CODES.CREATE && path !== undefined) return { kind: 'create', path }
  if (type === OP_CODES.SET_DATA && stat !== undefined) return { kind: 'set', stat: statOf(stat) }
  return { kind: type === OP_CODES.DELETE ? 'delete' : 'check' }
}

function aclRecord({ permissions, scheme, id }: ZkAcl): JuteRecord {
  return new jute.data.ACL(permissions, new jute.data.Id(scheme, id))
}

function statOf(stat: JuteStat): ZkStat {
  return {
    czxid: stat.czxid.readBigInt64BE(0),
    mzxid: stat.mzxid.readBigInt64BE(0),
    pzxid: stat.pzxid.readBigInt64BE(0),
    ctimeMs: Number(stat.ctime.readBigInt64BE(0)),
    mtimeMs: Number(stat.mtime.readBigInt64BE(0)),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: stat.ephemeralOwner.readBigInt64BE(0),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
  }
}

function longOf(value: bigint): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(value, 0)
  return buffer
}
