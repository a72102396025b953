import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../src/protocol/codec.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import { messageToJson } from '../support/message-json.ts'

const GOLDEN = new URL('../golden/messages-kafka-3.9.txt', import.meta.url)

/** Blocks of three lines: message and version, value as JSON, bytes as hex. */
function goldens() {
  const lines = readFileSync(GOLDEN, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return Array.from({ length: lines.length / 3 }, (_, i) => {
    const [title, json, bytes] = lines.slice(i * 3, i * 3 + 3) as [string, string, string]
    const [, name, direction, version] = /^(\w+)(Request|Response) (\d+)$/.exec(title)!
    return {
      title,
      name,
      direction,
      version: Number(version),
      json,
      hex: bytes === '(empty)' ? '' : bytes,
    }
  })
}

for (const { title, name, direction, version, json, hex } of goldens()) {
  test(`${title} reads and writes the bytes of Kafka's own classes`, () => {
    const api = MESSAGES.find((each) => each.name === name)
    assert.ok(api !== undefined)
    const bytes = Buffer.from(hex, 'hex')
    if (direction === 'Request') {
      const value = decodeRequest(api, version, bytes)
      assert.deepEqual(messageToJson(api.request, version, value), JSON.parse(json))
      assert.equal(Buffer.concat(encodeRequest(api, version, value)).toString('hex'), hex)
    } else {
      const value = decodeResponse(api, version, bytes)
      assert.deepEqual(messageToJson(api.response, version, value), JSON.parse(json))
      assert.equal(Buffer.concat(encodeResponse(api, version, value)).toString('hex'), hex)
    }
  })
}

test('every message has goldens', () => {
  const names = new Set(goldens().map(({ name }) => name))
  assert.deepEqual(
    MESSAGES.map(({ name }) => name).filter((name) => !names.has(name)),
    [],
  )
})
