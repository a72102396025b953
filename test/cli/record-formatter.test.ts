import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordFormatter, type ShownRecord } from '../../src/cli/record-formatter.ts'

const record: ShownRecord = {
  partition: 2,
  offset: 7,
  timestamp: 1_700_000_000_000,
  timestampType: 'CreateTime',
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: [
    ['h1', Buffer.from('x')],
    ['h2', null],
  ],
}

const format = (properties: Record<string, string>, changes: Partial<ShownRecord> = {}) =>
  String(new RecordFormatter(new Map(Object.entries(properties))).format({ ...record, ...changes }))

const ALL = Object.fromEntries(
  ['timestamp', 'partition', 'offset', 'headers', 'key', 'value'].map((column) => [
    `print.${column}`,
    'true',
  ]),
)

test('only the value is shown unless told otherwise', () => {
  assert.equal(format({}), 'v\n')
  assert.equal(format({ 'print.key': 'TRUE ' }), 'k\tv\n')
})

test('columns stand in a fixed order', () => {
  assert.equal(format(ALL), 'CreateTime:1700000000000\tPartition:2\tOffset:7\th1:x,h2:null\tk\tv\n')
})

test('what is missing has a name', () => {
  const nothing = { key: null, value: null, headers: [], timestampType: 'none' } as const
  assert.equal(
    format({ ...ALL, 'null.literal': '-' }, nothing),
    'NO_TIMESTAMP\tPartition:2\tOffset:7\tNO_HEADERS\t-\t-\n',
  )
})

test('the last column shown ends the line', () => {
  assert.equal(format({ 'print.key': 'true', 'print.value': 'false' }), 'k\n')
  const separators = { 'key.separator': '|', 'line.separator': ';', 'headers.separator': '+' }
  assert.equal(
    format({ ...separators, 'print.headers': 'true', 'print.key': 'true' }),
    'h1:x+h2:null|k|v;',
  )
})

test('bytes that are no text pass unchanged', () => {
  const value = Buffer.from([0xff, 0x00, 0xfe])
  const formatted = new RecordFormatter(new Map()).format({ ...record, value })
  assert.deepEqual(formatted, Buffer.from([0xff, 0x00, 0xfe, 0x0a]))
})
