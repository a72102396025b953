import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AutoTopicCreation } from '../../src/broker/auto-topic-creation.ts'
import { ApiError } from '../../src/broker/handler.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'

const legal = (name: string) => /^[a-z]+$/.test(name)

test('two clients that name the same unknown topic start one creation', async () => {
  const created: string[] = []
  const auto = new AutoTopicCreation(
    () => true,
    legal,
    (name) => {
      created.push(name)
      return Promise.resolve()
    },
  )
  const codes = await Promise.all([
    auto.onUnknownTopic('orders', true),
    auto.onUnknownTopic('orders', true),
  ])
  assert.deepEqual(codes, [ErrorCode.LEADER_NOT_AVAILABLE, ErrorCode.LEADER_NOT_AVAILABLE])
  assert.deepEqual(created, ['orders'])
})

test('nothing is created when the client or the broker forbids it', async () => {
  const never = () => Promise.reject(new Error('must not be called'))
  const off = new AutoTopicCreation(() => false, legal, never)
  const on = new AutoTopicCreation(() => true, legal, never)
  assert.equal(await off.onUnknownTopic('orders', true), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(await on.onUnknownTopic('orders', false), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(await on.onUnknownTopic('a b', true), ErrorCode.INVALID_TOPIC_EXCEPTION)
})

test('a failed creation tells its code, a lost race says come again', async () => {
  const failing = (code: ErrorCode) =>
    new AutoTopicCreation(
      () => true,
      legal,
      () => Promise.reject(new ApiError(code, 'no')),
    )
  assert.equal(
    await failing(ErrorCode.INVALID_REPLICATION_FACTOR).onUnknownTopic('orders', true),
    ErrorCode.INVALID_REPLICATION_FACTOR,
  )
  assert.equal(
    await failing(ErrorCode.TOPIC_ALREADY_EXISTS).onUnknownTopic('orders', true),
    ErrorCode.LEADER_NOT_AVAILABLE,
  )
})
