import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../src/base/ports.ts'
import { dumpFile } from '../../src/cli/log-dump.ts'
import { buildBatch } from '../../src/records/builder.ts'

/** Three batches of two records: last offsets 1, 3, 5; timestamps 100, 200, 300. */
const batches = [0, 1, 2].map((at) =>
  buildBatch([{ value: 'a' }, { value: 'b' }], { baseOffset: 2 * at, timestamp: 100 * (at + 1) }),
)
const size = batches[0]!.length

interface Dump {
  readonly out: string[]
  readonly err: string[]
}

function dump(suffix: string, index: Buffer, options: object = {}): Dump {
  const files = new Map([
    ['/p-0/00000000000000000000.log', Buffer.concat(batches)],
    [`/p-0/00000000000000000000.${suffix}`, index],
  ])
  const disk = { readFile: (path: string) => files.get(path)! } as unknown as Disk
  const settings = {
    printDataLog: false,
    deepIteration: false,
    skipRecordMetadata: false,
    indexSanityCheck: false,
    verifyIndexOnly: false,
    maxBytes: Number.MAX_SAFE_INTEGER,
    ...options,
  }
  const dumped: Dump = { out: [], err: [] }
  dumpFile(disk, `/p-0/00000000000000000000.${suffix}`, settings, {
    out: (line) => dumped.out.push(line),
    err: (line) => dumped.err.push(line),
  })
  return { out: dumped.out.slice(1), err: dumped.err }
}

function offsets(...entries: readonly (readonly [offset: number, position: number])[]): Buffer {
  const bytes = Buffer.alloc(entries.length * 8)
  for (const [at, [offset, position]] of entries.entries()) {
    bytes.writeInt32BE(offset, at * 8)
    bytes.writeInt32BE(position, at * 8 + 4)
  }
  return bytes
}

function times(...entries: readonly (readonly [timestamp: number, offset: number])[]): Buffer {
  const bytes = Buffer.alloc(entries.length * 12)
  for (const [at, [timestamp, offset]] of entries.entries()) {
    bytes.writeBigInt64BE(BigInt(timestamp), at * 12)
    bytes.writeInt32BE(offset, at * 12 + 8)
  }
  return bytes
}

test('entries of indexes that agree with the log are listed, up to the space set aside', () => {
  assert.deepEqual(dump('index', offsets([3, size], [5, 2 * size], [0, 0])), {
    out: [`offset: 3 position: ${size}`, `offset: 5 position: ${2 * size}`],
    err: [],
  })
  assert.deepEqual(dump('timeindex', times([100, 1], [300, 5], [0, 0])), {
    out: ['timestamp: 100 offset: 1', 'timestamp: 300 offset: 5'],
    err: [],
  })
  assert.deepEqual(dump('index', offsets([3, size]), { verifyIndexOnly: true }).out, [])
})

test('entries of an offset index that miss their batch are told, the last first', () => {
  assert.deepEqual(dump('index', offsets([2, size], [4, 2 * size], [0, 0])).err, [
    'Mismatches in :/p-0/00000000000000000000.index',
    '  Index offset: 4, log offset: 5',
    '  Index offset: 2, log offset: 3',
  ])
})

test('entries of a time index with other times, another order or other offsets are told', () => {
  const index = times([100, 1], [90, 3], [300, 4], [400, 7])
  assert.deepEqual(dump('timeindex', index, { verifyIndexOnly: true }), {
    out: [],
    err: [
      'Found timestamp mismatch in :/p-0/00000000000000000000.timeindex',
      '  Index timestamp: 90, log timestamp: 200',
      'Found out of order timestamp in :/p-0/00000000000000000000.timeindex',
      '  Index timestamp: 90, Previously indexed timestamp: 100',
      'The following indexed offsets are not found in the log.',
      'Indexed offset: 4, found log offset: 5',
      'Indexed offset: 7, found log offset: -1',
    ],
  })
})

test('the sanity check refuses an index that ends in unused space or amid an entry', () => {
  const check = { indexSanityCheck: true }
  assert.match(dump('index', offsets([3, size]), check).out[0]!, /passed sanity check/)
  assert.match(dump('timeindex', times([100, 1]), check).out[0]!, /passed sanity check/)
  assert.throws(() => dump('timeindex', times([100, 1], [0, 0]), check), /last timestamp is 0/)
  assert.throws(() => dump('index', Buffer.alloc(12), check), /12 bytes .* multiple of 8/)
})
