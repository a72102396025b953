/** Replies and watch events to frames, each with its length in front. */

import { JuteWriter } from './jute.ts'
import { OpCode, Xid } from './opcodes.ts'
import type { OpResult, Reply, ReplyBody } from './requests.ts'
import type { EventType } from './watches.ts'
import type { Acl, Stat } from './znode.ts'

export interface ConnectReply {
  /** 0 when the session has expired. */
  readonly timeoutMs: number
  readonly sessionId: bigint
  readonly password: Buffer
  readonly hasReadOnlyFlag: boolean
}

export function encodeConnectReply(reply: ConnectReply): Buffer {
  const writer = new JuteWriter(64).int(0).int(0)
  writer.int(reply.timeoutMs).long(reply.sessionId).buffer(reply.password)
  if (reply.hasReadOnlyFlag) writer.bool(false)
  return writer.finishFrame()
}

export function encodeReply(xid: number, reply: Reply): Buffer {
  const writer = new JuteWriter(128).int(0)
  writer.int(xid).long(reply.zxid).int(reply.code)
  writeBody(writer, reply.body)
  return writer.finishFrame()
}

const EVENT_TYPE_NUMBERS: Record<EventType, number> = {
  created: 1,
  deleted: 2,
  changed: 3,
  children: 4,
}
const SYNC_CONNECTED = 3

/** The zxid is that of the change, as since 3.9; -1: missed while there was no connection. */
export function encodeWatchEvent(type: EventType, path: string, zxid: bigint): Buffer {
  const writer = new JuteWriter(64).int(0)
  writer.int(Xid.WATCH_EVENT).long(zxid).int(0)
  writer.int(EVENT_TYPE_NUMBERS[type]).int(SYNC_CONNECTED).string(path)
  return writer.finishFrame()
}

function writeBody(writer: JuteWriter, body: ReplyBody): void {
  switch (body.kind) {
    case 'none':
      return
    case 'multi':
      writeResults(writer, body.results)
      return
    case 'get-children2':
      writer.vector(body.children, (name) => writer.string(name))
      writeStat(writer, body.stat)
      return
    case 'get-acl':
      writeAcl(writer, body.acl)
      writeStat(writer, body.stat)
      return
    case 'sync':
      writer.string(body.path)
      return
    case 'get-ephemerals':
      writer.vector(body.paths, (path) => writer.string(path))
      return
    case 'get-all-children-number':
      writer.int(body.total)
      return
    case 'who-am-i':
      writer.vector(body.identities, ({ scheme, id }) => {
        writer.string(scheme).string(scheme === 'digest' ? (id.split(':', 1)[0] ?? '') : id)
      })
      return
    default:
      writeResult(writer, body)
  }
}

const RESULT_TYPES: Record<OpResult['kind'], number> = {
  create: OpCode.CREATE,
  create2: OpCode.CREATE2,
  // As the real server has it, although containers are asked for with a number of their own.
  'create-container': OpCode.CREATE2,
  'create-ttl': OpCode.CREATE2,
  delete: OpCode.DELETE,
  'set-data': OpCode.SET_DATA,
  check: OpCode.CHECK,
  'get-data': OpCode.GET_DATA,
  'get-children': OpCode.GET_CHILDREN,
  error: OpCode.ERROR,
}

function writeResults(writer: JuteWriter, results: readonly OpResult[]): void {
  for (const result of results) {
    writer.int(RESULT_TYPES[result.kind]).bool(false)
    writer.int(result.kind === 'error' ? result.code : 0)
    writeResult(writer, result)
  }
  writer.int(-1).bool(true).int(-1)
}

function writeResult(writer: JuteWriter, result: OpResult): void {
  switch (result.kind) {
    case 'delete':
    case 'check':
      return
    case 'create':
      writer.string(result.path)
      return
    case 'create2':
    case 'create-container':
    case 'create-ttl':
      writer.string(result.path)
      writeStat(writer, result.stat)
      return
    case 'set-data':
      writeStat(writer, result.stat)
      return
    case 'get-data':
      writer.buffer(result.data)
      writeStat(writer, result.stat)
      return
    case 'get-children':
      writer.vector(result.children, (name) => writer.string(name))
      return
    case 'error':
      writer.int(result.code)
  }
}

export function writeAcl(writer: JuteWriter, acl: readonly Acl[]): void {
  writer.vector(acl, ({ permissions, scheme, id }) => {
    writer.int(permissions).string(scheme).string(id)
  })
}

function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.long(stat.czxid).long(stat.mzxid)
  writer.long(BigInt(stat.ctimeMs)).long(BigInt(stat.mtimeMs))
  writer.int(stat.version).int(stat.cversion).int(stat.aversion)
  writer.long(stat.ephemeralOwner).int(stat.dataLength).int(stat.numChildren)
  writer.long(stat.pzxid)
}
