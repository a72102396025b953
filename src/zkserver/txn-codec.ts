/** Changes to bytes and back, for the log. Each record carries its length and a CRC-32. */

import { crc32 } from 'node:zlib'
import { isOpen } from './acl.ts'
import { JuteError, JuteReader, JuteWriter } from './jute.ts'
import type { Change, NodeChange, Txn } from './txn.ts'
import { writeAcl } from './wire-replies.ts'
import { decodeAcl } from './wire-requests.ts'
import { type Acl, OPEN_ACL } from './znode.ts'

export const RECORD_HEADER_BYTES = 8

const ChangeType = {
  CREATE_SESSION: 1,
  CLOSE_SESSION: 2,
  ERROR: 3,
  MULTI: 4,
  CREATE: 5,
  DELETE: 6,
  SET_DATA: 7,
  SET_ACL: 8,
  CHECK: 9,
} as const

export function encodeRecord(txn: Txn): Buffer {
  const writer = new JuteWriter(256).int(0).int(0)
  writer.long(txn.zxid).long(BigInt(txn.timeMs)).long(txn.sessionId)
  writeChange(writer, txn.change)
  const record = writer.finish()
  record.writeInt32BE(record.length - RECORD_HEADER_BYTES, 0)
  record.writeUInt32BE(crc32(record.subarray(RECORD_HEADER_BYTES)), 4)
  return record
}

/** The record at a position; null when it is torn, damaged or not there. */
export function decodeRecord(buffer: Buffer, at: number): { txn: Txn; bytes: number } | null {
  if (buffer.length - at < RECORD_HEADER_BYTES) return null
  const length = buffer.readInt32BE(at)
  const start = at + RECORD_HEADER_BYTES
  if (length <= 0 || length > buffer.length - start) return null
  const payload = buffer.subarray(start, start + length)
  if (crc32(payload) !== buffer.readUInt32BE(at + 4)) return null
  const reader = new JuteReader(payload)
  const zxid = reader.long()
  const timeMs = Number(reader.long())
  const sessionId = reader.long()
  const txn: Txn = { zxid, timeMs, sessionId, change: readChange(reader) }
  return { txn, bytes: RECORD_HEADER_BYTES + length }
}

function writeChange(writer: JuteWriter, change: Change): void {
  switch (change.kind) {
    case 'create-session':
      writer.int(ChangeType.CREATE_SESSION).int(change.timeoutMs)
      return
    case 'close-session':
      writer.int(ChangeType.CLOSE_SESSION)
      return
    case 'error':
      writer.int(ChangeType.ERROR).int(change.code)
      return
    case 'multi':
      writer.int(ChangeType.MULTI)
      writer.vector(change.changes, (each) => writeNodeChange(writer, each))
      return
    default:
      writeNodeChange(writer, change)
  }
}

function writeNodeChange(writer: JuteWriter, change: NodeChange): void {
  switch (change.kind) {
    case 'create':
      writer.int(ChangeType.CREATE).string(change.path).buffer(change.data)
      writeAcl(writer, change.acl)
      writer.long(change.owner)
      return
    case 'delete':
      writer.int(ChangeType.DELETE).string(change.path)
      return
    case 'set-data':
      writer.int(ChangeType.SET_DATA).string(change.path).buffer(change.data)
      return
    case 'set-acl':
      writer.int(ChangeType.SET_ACL).string(change.path)
      writeAcl(writer, change.acl)
      return
    case 'check':
      writer.int(ChangeType.CHECK).string(change.path)
  }
}

function readChange(reader: JuteReader): Change {
  const type = reader.int()
  switch (type) {
    case ChangeType.CREATE_SESSION:
      return { kind: 'create-session', timeoutMs: reader.int() }
    case ChangeType.CLOSE_SESSION:
      return { kind: 'close-session' }
    case ChangeType.ERROR:
      return { kind: 'error', code: reader.int() }
    case ChangeType.MULTI:
      return {
        kind: 'multi',
        changes: reader.vector(8, () => readNodeChange(reader.int(), reader)),
      }
    default:
      return readNodeChange(type, reader)
  }
}

function readNodeChange(type: number, reader: JuteReader): NodeChange {
  const path = reader.string()
  switch (type) {
    case ChangeType.CREATE: {
      const data = reader.buffer()
      const acl = readAcl(reader)
      return { kind: 'create', path, data, acl, owner: reader.long() }
    }
    case ChangeType.DELETE:
      return { kind: 'delete', path }
    case ChangeType.SET_DATA:
      return { kind: 'set-data', path, data: reader.buffer() }
    case ChangeType.SET_ACL:
      return { kind: 'set-acl', path, acl: readAcl(reader) }
    case ChangeType.CHECK:
      return { kind: 'check', path }
    default:
      throw new JuteError(`change of type ${type}`)
  }
}

/** Shares the one that nearly all nodes have. */
export function readAcl(reader: JuteReader): readonly Acl[] {
  const acl = decodeAcl(reader)
  return isOpen(acl) ? OPEN_ACL : acl
}
