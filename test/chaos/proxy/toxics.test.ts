/** What each toxic does to one direction of a connection, under a clock that moves when told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkBench, toxicOf } from '../../support/link-bench.ts'

const latency = (ms: number, jitter = 0) => ({
  type: 'latency',
  attributes: { latency: ms, jitter },
})

test('without toxics everything passes at once, and the end after it', () => {
  const t = new LinkBench()
  t.push('ab')
  t.push('c')
  t.link.sourceEnded()
  assert.equal(t.text, 'abc')
  assert.deepEqual(t.endings, ['end'])
  assert.equal(t.clock.pendingTimers, 0)
})

test('latency delays each piece by its time, counted from when it came', () => {
  const t = new LinkBench(latency(100))
  t.push('a')
  assert.equal(t.after(60), '')
  t.push('b')
  assert.equal(t.after(39), '')
  assert.equal(t.after(1), 'a')
  assert.equal(t.after(59), '')
  assert.equal(t.after(1), 'b')
  assert.equal(t.clock.pendingTimers, 0)
})

test('two latencies add up', () => {
  const t = new LinkBench({ ...latency(100), name: 'one' }, { ...latency(50), name: 'two' })
  t.push('a')
  assert.equal(t.after(149), '')
  assert.equal(t.after(1), 'a')
})

test('the end comes after what is delayed', () => {
  const t = new LinkBench(latency(100))
  t.push('a')
  t.link.sourceEnded()
  assert.deepEqual(t.endings, [])
  t.after(100)
  assert.equal(t.text, 'a')
  assert.deepEqual(t.endings, ['end'])
})

test('jitter spreads the delay around the latency and keeps the order', () => {
  const t = new LinkBench(latency(100, 40))
  const delays: number[] = []
  for (let i = 0; i < 200; i++) {
    const sentMs = t.clock.monotonicMs()
    t.push(String.fromCharCode(32 + (i % 90)))
    t.after(200)
    delays.push(t.arrivals.at(-1)!.atMs - sentMs)
  }
  assert.equal(t.arrivals.length, 200)
  assert.ok(Math.min(...delays) >= 60 && Math.min(...delays) < 70, `${Math.min(...delays)}`)
  assert.ok(Math.max(...delays) < 140 && Math.max(...delays) > 130, `${Math.max(...delays)}`)
  for (let i = 0; i < 50; i++) t.push(String.fromCharCode(48 + i))
  t.after(10_000)
  assert.ok(
    t.text.endsWith(Array.from({ length: 50 }, (_, i) => String.fromCharCode(48 + i)).join('')),
  )
})

test('jitter larger than the latency makes no negative delay', () => {
  const t = new LinkBench(latency(0, 2 ** 50))
  t.push('a')
  t.after(2 ** 50)
  assert.equal(t.text, 'a')
})

test('bandwidth passes so many bytes per millisecond, in pieces of 100 ms', () => {
  const t = new LinkBench({ type: 'bandwidth', attributes: { rate: 2 } })
  t.push('x'.repeat(1000))
  assert.equal(t.after(99), '')
  assert.equal(t.after(1).length, 200)
  assert.equal(t.after(399).length, 600)
  assert.equal(t.after(1).length, 200)
  t.push('yy')
  assert.equal(t.after(1), 'yy')
  assert.equal(t.clock.pendingTimers, 0)
})

test('a link that stood still does not make up for it', () => {
  const t = new LinkBench({ type: 'bandwidth', attributes: { rate: 1 } })
  t.hasRoom = false
  for (let i = 0; i < 100; i++) t.push('x'.repeat(1000))
  t.after(100_000)
  t.hasRoom = true
  const flushed = t.text.length
  assert.equal(t.after(1000).length, 1000)
  // What waited for room, and no more than one piece besides.
  assert.ok(flushed <= 64 * 1024 + 200, `${flushed}`)
})

test('a bandwidth of 0 passes nothing until it is raised', () => {
  const t = new LinkBench({ type: 'bandwidth', attributes: { rate: 0 } })
  t.push('abc')
  t.link.sourceEnded()
  assert.equal(t.after(1_000_000), '')
  t.link.update(toxicOf({ type: 'bandwidth', attributes: { rate: 1 } }))
  assert.equal(t.after(3), 'abc')
  assert.deepEqual(t.endings, ['end'])
})

test('slow_close delays only the end', () => {
  const t = new LinkBench({ type: 'slow_close', attributes: { delay: 500 } })
  t.push('a')
  t.link.sourceEnded()
  assert.equal(t.text, 'a')
  t.after(499)
  assert.deepEqual(t.endings, [])
  t.after(1)
  assert.deepEqual(t.endings, ['end'])
})

test('slow_close taken away lets the end go', () => {
  const toxic = { type: 'slow_close', attributes: { delay: 500 } }
  const t = new LinkBench(toxic)
  t.link.sourceEnded()
  t.link.remove(toxicOf(toxic))
  assert.deepEqual(t.endings, ['end'])
  assert.equal(t.clock.pendingTimers, 0)
})

test('timeout drops all and closes when nothing came for so long', () => {
  const t = new LinkBench({ type: 'timeout', attributes: { timeout: 100 } })
  t.push('a')
  t.after(99)
  t.push('b')
  t.after(99)
  assert.deepEqual(t.endings, [])
  t.after(1)
  assert.deepEqual(t.endings, ['close'])
  assert.equal(t.text, '')
})

test('timeout 0 drops for ever, passes the end as a close, and closes when taken away', () => {
  const toxic = { type: 'timeout', attributes: { timeout: 0 } }
  const open = new LinkBench(toxic)
  for (let i = 0; i < 100; i++) open.push('x'.repeat(10_000))
  open.after(1_000_000)
  assert.equal(open.text, '')
  assert.ok(open.isFlowing)
  assert.deepEqual(open.endings, [])
  open.link.remove(toxicOf(toxic))
  assert.deepEqual(open.endings, ['close'])

  const ended = new LinkBench(toxic)
  ended.link.sourceEnded()
  assert.deepEqual(ended.endings, ['close'])
})

test('reset_peer resets so long after the first data', () => {
  const t = new LinkBench({ type: 'reset_peer', attributes: { timeout: 100 } })
  t.after(1_000)
  assert.deepEqual(t.endings, [])
  t.push('a')
  t.after(99)
  assert.deepEqual(t.endings, [])
  t.after(1)
  assert.deepEqual(t.endings, ['reset'])
  assert.equal(t.text, '')
})

test('reset_peer taken away in time delivers what waited', () => {
  const toxic = { type: 'reset_peer', attributes: { timeout: 100 } }
  const t = new LinkBench(toxic)
  t.push('a')
  t.link.remove(toxicOf(toxic))
  assert.equal(t.text, 'a')
  assert.equal(t.clock.pendingTimers, 0)
})

test('slicer cuts into pieces of about a size, with a delay after each', () => {
  const t = new LinkBench({
    type: 'slicer',
    attributes: { average_size: 10, size_variation: 4, delay: 2_000 },
  })
  const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('')
  t.push(text)
  t.after(1_000)
  assert.equal(t.text, text)
  const sizes = t.arrivals.map((arrival) => arrival.text.length)
  assert.ok(Math.max(...sizes) <= 14, `${sizes}`)
  assert.ok(sizes.length > 300 / 14)
  t.arrivals.slice(1).forEach(({ atMs }, index) => {
    assert.equal(atMs - t.arrivals[index]!.atMs, 2)
  })
})

test('slicer with sizes of nonsense cuts into bytes', () => {
  const t = new LinkBench({
    type: 'slicer',
    attributes: { average_size: -5, size_variation: -3, delay: -1 },
  })
  t.push('abcdefg')
  assert.equal(t.text, 'abcdefg')
  assert.equal(t.arrivals.length, 7)
})

test('limit_data closes when so many bytes have passed, and passes none beyond', () => {
  const t = new LinkBench({ type: 'limit_data', attributes: { bytes: 5 } })
  t.push('abc')
  assert.deepEqual(t.endings, [])
  t.push('defg')
  assert.equal(t.text, 'abcde')
  assert.deepEqual(t.endings, ['close'])
  t.push('h')
  assert.equal(t.text, 'abcde')
})

test('limit_data of 0 closes at the first byte; one that is reached exactly closes too', () => {
  const none = new LinkBench({ type: 'limit_data' })
  none.push('a')
  assert.deepEqual([none.text, ...none.endings], ['', 'close'])
  const exact = new LinkBench({ type: 'limit_data', attributes: { bytes: 2 } })
  exact.push('ab')
  assert.deepEqual([exact.text, ...exact.endings], ['ab', 'close'])
})

test('limit_data goes on counting when it is changed', () => {
  const t = new LinkBench({ type: 'limit_data', attributes: { bytes: 5 } })
  t.push('abc')
  t.link.update(toxicOf({ type: 'limit_data', attributes: { bytes: 6 } }))
  t.push('defgh')
  assert.equal(t.text, 'abcdef')
  assert.deepEqual(t.endings, ['close'])
})

test('what limit_data passed before it closed is still delayed by what comes after it', () => {
  const t = new LinkBench({ type: 'limit_data', attributes: { bytes: 2 } }, latency(100))
  t.push('abc')
  assert.deepEqual(t.endings, [])
  t.after(100)
  assert.equal(t.text, 'ab')
  assert.deepEqual(t.endings, ['close'])
})

test('cut lets nothing through, not even the end, and resets when something was lost', () => {
  const cut = { type: 'cut' }
  const lossy = new LinkBench(cut)
  lossy.push('a')
  lossy.link.remove(toxicOf(cut))
  assert.deepEqual([lossy.text, ...lossy.endings], ['', 'reset'])

  const ended = new LinkBench(cut)
  ended.link.sourceEnded()
  ended.after(1_000_000)
  assert.deepEqual(ended.endings, [])
  ended.link.remove(toxicOf(cut))
  assert.deepEqual(ended.endings, ['reset'])

  const idle = new LinkBench(cut)
  idle.after(1_000)
  idle.link.remove(toxicOf(cut))
  idle.push('b')
  assert.deepEqual([idle.text, ...idle.endings], ['b'])
})

test('a toxicity of 0 applies to no connection, 0.5 to about half of them', () => {
  const none = new LinkBench({ type: 'timeout', toxicity: 0 })
  none.push('a')
  assert.equal(none.text, 'a')
  none.link.remove(toxicOf({ type: 'timeout', toxicity: 0 }))
  assert.deepEqual(none.endings, [])

  const t = new LinkBench()
  let applied = 0
  const half = toxicOf({ type: 'limit_data', toxicity: 0.5, attributes: { bytes: 1_000_000 } })
  for (let i = 0; i < 400; i++) {
    // Each time chance decides anew.
    t.link.add(toxicOf({ type: 'bandwidth', toxicity: 0.5 }))
    t.push('x')
    if (t.arrivals.length === 0) applied += 1
    t.link.remove(half)
    t.link.remove(toxicOf({ type: 'bandwidth' }))
    t.arrivals.length = 0
  }
  assert.ok(applied > 150 && applied < 250, `${applied}`)
})

test('a stream with a hole ends when what made it no longer applies', () => {
  const t = new LinkBench({ type: 'timeout' })
  t.push('a')
  t.link.update(toxicOf({ type: 'timeout', toxicity: 0 }))
  t.push('b')
  assert.deepEqual([t.text, ...t.endings], ['', 'reset'])
})
