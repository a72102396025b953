import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineReader, linesOf } from '../../src/cli/line-reader.ts'

const reader = (properties: Record<string, string> = {}) =>
  new LineReader(new Map(Object.entries(properties)))

test('a line is a value unless keys are parsed', () => {
  assert.deepEqual(reader().parse('a\tb'), { key: null, value: 'a\tb', headers: [] })
  assert.deepEqual(reader({ 'parse.key': 'true' }).parse('a\tb\tc'), {
    key: 'a',
    value: 'b\tc',
    headers: [],
  })
})

test('headers stand before the key, each with its own separator', () => {
  const properties = { 'parse.key': 'true', 'parse.headers': 'true', 'key.separator': '=' }
  assert.deepEqual(reader(properties).parse('h1:v1,h2:v:2\tkey=value'), {
    key: 'key',
    value: 'value',
    headers: [
      ['h1', 'v1'],
      ['h2', 'v:2'],
    ],
  })
})

test('the null marker stands for null in key, value, headers and all headers', () => {
  const properties = { 'parse.key': 'true', 'parse.headers': 'true', 'null.marker': 'NULL' }
  assert.deepEqual(reader(properties).parse('h:NULL\tNULL\tNULL'), {
    key: null,
    value: null,
    headers: [['h', null]],
  })
  assert.deepEqual(reader(properties).parse('NULL\tk\tv').headers, [])
  assert.throws(() => reader(properties).parse('NULL:v\tk\tv'), /Header keys should not be equal/)
})

test('a missing separator names the line, unless errors are ignored', () => {
  const strict = reader({ 'parse.key': 'true' })
  strict.parse('k\tv')
  assert.throws(() => strict.parse('x'), {
    message: "No key separator found on line number 2: 'x'",
  })
  const lenient = reader({ 'parse.key': 'true', 'ignore.error': 'true' })
  assert.deepEqual(lenient.parse('x'), { key: null, value: 'x', headers: [] })
})

test('separators that cannot be told apart are refused', () => {
  assert.throws(() => reader({ 'headers.delimiter': ',' }), {
    message: 'headers.delimiter and headers.separator may not be equal',
  })
  assert.throws(() => reader({ 'null.marker': '\t' }), {
    message: 'null.marker and key.separator may not be equal',
  })
})

test('lines end with any line end, wherever the chunks are cut', async () => {
  const text = 'a\nb\r\nc\rd\n\nä'
  const bytes = Buffer.from(text)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const chunks = (async function* () {
      yield bytes.subarray(0, cut)
      yield bytes.subarray(cut)
    })()
    const lines: string[] = []
    for await (const line of linesOf(chunks)) lines.push(line)
    assert.deepEqual(lines, ['a', 'b', 'c', 'd', '', 'ä'])
  }
})
