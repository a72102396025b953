import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ProducerIdBlock, ProducerIds } from '../../src/broker/producer-ids.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { FakeClock } from '../support/fake-clock.ts'

function blocks(...list: ProducerIdBlock[]) {
  const asked = { count: 0 }
  const allocate = () => {
    asked.count += 1
    const block = list.shift()
    return Promise.resolve(
      block === undefined
        ? ({ kind: 'error', reason: 'no controller' } as const)
        : ({ kind: 'ok', block } as const),
    )
  }
  return { asked, allocate }
}

test('ids come in order from one block to the next', async () => {
  const { allocate } = blocks({ start: 0, length: 3 }, { start: 6, length: 3 })
  const ids = new ProducerIds(new FakeClock(), allocate)
  const got: number[] = []
  for (let i = 0; i < 5; i++) {
    const result = await ids.generate()
    assert.equal(result.kind, 'ok')
    if (result.kind === 'ok') got.push(result.producerId)
  }
  assert.deepEqual(got, [0, 1, 2, 6, 7])
})

test('the next block is asked for when nine tenths of the current one are used', async () => {
  const { allocate, asked } = blocks({ start: 0, length: 10 }, { start: 10, length: 10 })
  const ids = new ProducerIds(new FakeClock(), allocate)
  for (let i = 0; i < 8; i++) await ids.generate()
  assert.equal(asked.count, 1)
  await ids.generate()
  assert.equal(asked.count, 2)
})

test('without a block the client is told to come again, and a later block serves it', async () => {
  const clock = new FakeClock()
  const answers: { kind: 'error'; reason: string }[] = [{ kind: 'error', reason: 'moved' }]
  const ids = new ProducerIds(clock, () =>
    Promise.resolve(answers.pop() ?? { kind: 'ok', block: { start: 5, length: 1 } }),
  )
  assert.deepEqual(await ids.generate(), {
    kind: 'error',
    code: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  })
  clock.advance(50)
  assert.deepEqual(await ids.generate(), { kind: 'ok', producerId: 5 })
})

test('a block that overlaps the current one is refused', async () => {
  const clock = new FakeClock()
  const { allocate } = blocks({ start: 100, length: 1 }, { start: 50, length: 1 })
  const ids = new ProducerIds(clock, allocate)
  assert.deepEqual(await ids.generate(), { kind: 'ok', producerId: 100 })
  const second = ids.generate()
  await clock.advanceAsync(1_000)
  assert.equal((await second).kind, 'error')
})
