/** Chains of toxics: changes under way, back-pressure, bounds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChunkQueue } from '../../../src/chaos/proxy/chunk-queue.ts'
import { LinkBench, toxicOf } from '../../support/link-bench.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

test('a toxic that is added applies to what comes then', () => {
  const t = new LinkBench()
  t.push('a')
  t.link.add(toxicOf({ type: 'latency', attributes: { latency: 10 } }))
  t.push('b')
  assert.equal(t.text, 'a')
  assert.equal(t.after(10), 'b')
})

test('a toxic that is changed applies to what waits', () => {
  const t = new LinkBench({ type: 'latency', attributes: { latency: 1_000_000 } })
  t.push('a')
  t.after(5)
  t.link.update(toxicOf({ type: 'latency', attributes: { latency: 10 } }))
  assert.equal(t.after(4), '')
  assert.equal(t.after(1), 'a')
})

test('a toxic that is taken away delivers what waited, in order, before what comes then', () => {
  const latency = { type: 'latency', attributes: { latency: 1_000 } }
  const slow = { type: 'bandwidth', attributes: { rate: 1 } }
  const t = new LinkBench(latency, slow)
  t.push('abc')
  t.after(1_001)
  t.push('def')
  t.link.remove(toxicOf(latency))
  t.push('ghi')
  assert.equal(t.text, '')
  t.link.remove(toxicOf(slow))
  assert.equal(t.text, 'abcdefghi')
  assert.equal(t.clock.pendingTimers, 0)
})

test('a toxic that is not there is not changed and not taken away', () => {
  const t = new LinkBench()
  t.link.update(toxicOf({ type: 'timeout' }))
  t.link.remove(toxicOf({ type: 'timeout' }))
  t.push('a')
  assert.equal(t.text, 'a')
})

test('a target that takes nothing stops the source, through any chain, and memory stays bounded', () => {
  const chains: object[][] = [
    [],
    [{ type: 'noop' }],
    [{ type: 'slow_close' }, { type: 'slicer', attributes: { average_size: 7 } }],
    [
      { type: 'limit_data', attributes: { bytes: 10 ** 9 } },
      { type: 'bandwidth', attributes: { rate: 10 ** 9 } },
    ],
  ]
  for (const chain of chains) {
    const t = new LinkBench(...chain)
    t.hasRoom = false
    let pushed = 0
    while (t.isFlowing && pushed < 10_000) {
      t.push(String.fromCharCode(33 + (pushed % 90)).repeat(1_000))
      t.after(1)
      pushed += 1
    }
    assert.ok(!t.isFlowing, 'the source was not stopped')
    assert.ok(t.link.bytes <= (chain.length + 1) * 65 * 1024 + 1_000, `${t.link.bytes} held`)
    t.hasRoom = true
    t.after(10_000)
    assert.ok(t.isFlowing)
    assert.equal(t.text.length, pushed * 1_000)
  }
})

test('a link with a latency holds 4 MiB on its way and no more', () => {
  const t = new LinkBench({ type: 'latency', attributes: { latency: 1_000 } })
  let pushed = 0
  while (t.isFlowing && pushed < 10_000) {
    t.push('x'.repeat(64 * 1024))
    pushed += 1
  }
  assert.equal(pushed, 64)
  t.after(1_000)
  assert.ok(t.isFlowing)
  assert.equal(t.link.bytes, 0)
})

test('pieces of a byte are bounded by their number', () => {
  const queue = new ChunkQueue('wide')
  let count = 0
  while (queue.hasRoom) {
    queue.push({ kind: 'chunk', data: Buffer.from('x'), atMs: 0 })
    count += 1
  }
  assert.equal(count, 1_024)
  assert.equal(queue.bytes, 1_024)
})

test('after a close by a toxic the source is heard out and nothing more is delivered', () => {
  const t = new LinkBench(
    { type: 'limit_data', attributes: { bytes: 1 } },
    { type: 'slow_close', attributes: { delay: 100 } },
  )
  t.hasRoom = false
  t.push('ab')
  for (let i = 0; i < 200; i++) t.push('x'.repeat(1_000))
  assert.ok(t.isFlowing)
  t.link.sourceEnded()
  t.after(100)
  t.hasRoom = true
  assert.equal(t.text, 'a')
  assert.deepEqual(t.endings, ['close'])
  assert.ok(t.link.isEnded)
  assert.equal(t.clock.pendingTimers, 0)
})

test('a link that is stopped holds no bytes and no timer, and calls nobody', () => {
  const t = new LinkBench({ type: 'latency', attributes: { latency: 1_000 } })
  t.push('a')
  t.link.sourceEnded()
  t.link.stop()
  t.push('b')
  t.link.add(toxicOf({ type: 'timeout' }))
  t.after(10_000)
  assert.deepEqual([t.text, ...t.endings], [''])
  assert.equal(t.link.bytes, 0)
  assert.equal(t.clock.pendingTimers, 0)
})

const HARMLESS = ['latency', 'bandwidth', 'slow_close', 'slicer', 'noop'] as const

function harmlessToxic(random: SeededRandom): object {
  const type = random.pick(HARMLESS)
  const n = (bound: number) => random.nextInt(bound)
  const attributes = {
    latency: { latency: n(50), jitter: n(30) },
    bandwidth: { rate: 1 + n(200) },
    slow_close: { delay: n(50) },
    slicer: { average_size: 5 + n(100), size_variation: n(20), delay: n(3_000) },
    noop: {},
  }[type]
  return { name: `t${n(4)}`, type, attributes, toxicity: n(3) / 2 }
}

test('whatever harmless toxics come, change and go: every byte arrives once, in order, then the end', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = new SeededRandom(seed)
    const t = new LinkBench()
    const present = new Set<string>()
    let sent = ''
    for (let step = 0; step < 150; step++) {
      const body = harmlessToxic(random) as { name: string; type: string }
      const toxic = toxicOf({ ...body, name: body.name + body.type })
      switch (random.nextInt(6)) {
        case 0:
          if (!present.has(toxic.name)) t.link.add(toxic)
          present.add(toxic.name)
          break
        case 1:
          t.link.update(toxic)
          break
        case 2:
          t.link.remove(toxic)
          present.delete(toxic.name)
          break
        case 3:
          t.hasRoom = random.chance(0.5)
          break
        case 4:
          if (t.isFlowing) {
            const text = random.bytes(random.nextInt(3_000)).toString('latin1')
            t.link.push(Buffer.from(text, 'latin1'))
            sent += text
          }
          break
        default:
          t.clock.advance(random.nextInt(40))
      }
    }
    t.link.sourceEnded()
    t.hasRoom = true
    t.clock.advance(10 ** 7)
    assert.equal(t.text, sent, `seed ${seed}`)
    assert.deepEqual(t.endings, ['end'], `seed ${seed}`)
    assert.equal(t.clock.pendingTimers, 0, `seed ${seed}`)
  }
})
