/** Requests that ask for trouble are answered as Kafka 3.9 answered them, field by field. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { startCluster } from '../../src/devcluster/start-cluster.ts'
import { type WireRequest, WireScript, type WireWait } from '../support/wire-script.ts'

const GOLDEN = new URL('../golden/wire-answers-kafka-3.9.txt', import.meta.url)

type Step = WireWait | (WireRequest & { readonly answer: unknown })

function steps(): Step[] {
  const lines = fs
    .readFileSync(GOLDEN, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => JSON.parse(line))
  const all: Step[] = []
  for (let at = 0; at < lines.length; at++) {
    const step = lines[at]
    all.push('wait' in step ? step : { ...step, answer: lines[++at] })
  }
  return all
}

test('what Kafka answers to wrong requests, we answer', async (t) => {
  await using cluster = await startCluster({
    brokers: 2,
    config: { 'default.replication.factor': '1', 'log.segment.delete.delay.ms': '1000' },
  })
  const script = new WireScript((brokerId) => cluster.broker(brokerId).port)
  t.after(() => script.close())
  await script.connect()
  for (const step of steps()) {
    if ('wait' in step) {
      await script.wait(step)
      continue
    }
    const { answer, ...request } = step
    await t.test(
      `${request.api} ${request.version} ${JSON.stringify(request.request).slice(0, 150)}`,
      async () => {
        assert.deepEqual(await script.ask(request), answer)
      },
    )
  }
})
