import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passwordOf, Sessions } from '../../src/zkserver/sessions.ts'

const WALL_MS = 1_700_000_000_000

test('timeouts are held between two and twenty ticks', () => {
  const sessions = new Sessions(500, WALL_MS)
  assert.equal(sessions.clampTimeout(1), 1000)
  assert.equal(sessions.clampTimeout(6000), 6000)
  assert.equal(sessions.clampTimeout(1_000_000), 10_000)
})

test('a session ends at the first tick after its timeout, never before it', () => {
  const sessions = new Sessions(500, WALL_MS)
  const session = sessions.add(1n, 1000, 100)
  assert.equal(session.expiresAtMs, 1500)
  assert.deepEqual(sessions.due(1499), [])
  assert.deepEqual(sessions.due(1500), [session])
  sessions.touch(session, 500)
  assert.equal(session.expiresAtMs, 2000)
  assert.deepEqual(sessions.due(1500), [])
})

test('the ids of two lives of a server do not meet', () => {
  const first = new Sessions(500, WALL_MS)
  const ids = Array.from({ length: 100 }, () => first.takeId())
  assert.equal(new Set(ids).size, 100)
  const second = new Sessions(500, WALL_MS + 1)
  assert.ok(ids.every((id) => id < second.takeId()))
  assert.ok(ids.every((id) => id > 0n && id < 1n << 63n))
})

test('an id that is still in use is not given out again', () => {
  const first = new Sessions(500, WALL_MS)
  const id = first.takeId()
  const second = new Sessions(500, WALL_MS)
  second.add(id, 1000, 0)
  assert.notEqual(second.takeId(), id)
})

test('passwords have 16 bytes and differ', () => {
  assert.equal(passwordOf(1n).length, 16)
  assert.notDeepEqual(passwordOf(1n), passwordOf(2n))
})
