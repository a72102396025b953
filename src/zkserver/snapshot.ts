/** The whole state as one file: tree, sessions, zxid. Checked by a CRC-32 over everything. */

import { crc32 } from 'node:zlib'
import { DataTree } from './data-tree.ts'
import { JuteError, JuteReader, JuteWriter } from './jute.ts'
import type { ProcessorState } from './processor.ts'
import { readAcl } from './txn-codec.ts'
import { writeAcl } from './wire-replies.ts'
import type { Znode } from './znode.ts'

const MAGIC = 0x73_7a_6b_31 // "szk1"
const CRC_BYTES = 4
/** Fixed fields and empty variable ones. */
const NODE_MIN_BYTES = 68
const SESSION_BYTES = 12

export interface SnapshotSource {
  readonly tree: DataTree
  readonly lastZxid: bigint
  readonly sessions: { all(): readonly { readonly id: bigint; readonly timeoutMs: number }[] }
}

export function encodeSnapshot({ tree, lastZxid, sessions }: SnapshotSource): Buffer {
  const writer = new JuteWriter(1024 + tree.approximateBytes + tree.nodeCount * 128)
  writer.int(MAGIC).long(lastZxid)
  writer.vector(sessions.all(), ({ id, timeoutMs }) => writer.long(id).int(timeoutMs))
  writer.int(tree.nodeCount)
  for (const [path, node] of tree.entries()) {
    writer.string(path).buffer(node.data)
    writeAcl(writer, node.acl)
    writer.long(node.czxid).long(node.mzxid).long(node.pzxid)
    writer.long(BigInt(node.ctimeMs)).long(BigInt(node.mtimeMs))
    writer.int(node.version).int(node.aversion).int(node.childrenCreated).long(node.owner)
  }
  const crc = crc32(writer.finish())
  return writer.int(crc | 0).finish()
}

/** Throws `JuteError` when it is torn or damaged. */
export function decodeSnapshot(file: Buffer): ProcessorState {
  const bodyBytes = file.length - CRC_BYTES
  if (bodyBytes < 0) throw new JuteError(`snapshot of ${file.length} bytes`)
  const body = file.subarray(0, bodyBytes)
  if (crc32(body) !== file.readUInt32BE(bodyBytes)) throw new JuteError('CRC does not match')
  const reader = new JuteReader(body)
  if (reader.int() !== MAGIC) throw new JuteError('not a snapshot')
  const lastZxid = reader.long()
  const sessions = reader.vector(SESSION_BYTES, () => ({
    id: reader.long(),
    timeoutMs: reader.int(),
  }))
  const tree = new DataTree()
  reader.vector(NODE_MIN_BYTES, () => tree.restore(reader.string(), readNode(reader)))
  return { tree, lastZxid, sessions }
}

function readNode(reader: JuteReader): Znode {
  return {
    data: reader.buffer(),
    acl: readAcl(reader),
    czxid: reader.long(),
    mzxid: reader.long(),
    pzxid: reader.long(),
    ctimeMs: Number(reader.long()),
    mtimeMs: Number(reader.long()),
    version: reader.int(),
    aversion: reader.int(),
    childrenCreated: reader.int(),
    owner: reader.long(),
    children: null,
  }
}
