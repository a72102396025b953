import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { releaseBytes } from '../../src/base/release.ts'
import { FrameError, FrameReader, frameChunks } from '../../src/network/framing.ts'

function framed(payload: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(payload.length)
  return Buffer.concat([size, payload])
}

test('frames come out whole, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
      (payloads, cuts) => {
        const stream = Buffer.concat(payloads.map((payload) => framed(Buffer.from(payload))))
        const seen: string[] = []
        const reader = new FrameReader(100, (frame) => seen.push(frame.toString('hex')))
        let at = 0
        for (let turn = 0; at < stream.length; turn++) {
          const bytes = cuts[turn % cuts.length]!
          reader.push(stream.subarray(at, at + bytes))
          at += bytes
        }
        assert.deepEqual(
          seen,
          payloads.map((payload) => Buffer.from(payload).toString('hex')),
        )
        assert.equal(reader.heldBytes, 0)
      },
    ),
  )
})

test('a chunk may be overwritten once it is taken', () => {
  const stream = Buffer.concat([framed(Buffer.from('hello')), framed(Buffer.from('world'))])
  const frames: Buffer[] = []
  const reader = new FrameReader(100, (frame) => frames.push(frame))
  const lent = Buffer.alloc(7)
  for (let at = 0; at < stream.length; at += lent.length) {
    const bytes = stream.copy(lent, 0, at, at + lent.length)
    reader.push(lent.subarray(0, bytes))
    lent.fill(0)
  }
  assert.deepEqual(frames.map(String), ['hello', 'world'])
})

test('a size that no frame may have is refused as soon as its four bytes are in', () => {
  for (const size of [-1, 101, 0x7fffffff, -0x80000000]) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    const reader = new FrameReader(100, () => assert.fail('there is no frame'))
    reader.push(bytes.subarray(0, 3))
    assert.throws(() => reader.push(bytes.subarray(3)), FrameError)
  }
})

test('an announced size reserves no memory', () => {
  const size = Buffer.alloc(4)
  size.writeInt32BE(100 * 1024 * 1024)
  const readers = Array.from({ length: 1000 }, () => new FrameReader(0x7fffffff, () => {}))
  const before = process.memoryUsage().arrayBuffers
  for (const reader of readers) reader.push(size)
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 * 1024 * 1024)
})

test('what is set aside for a frame is in proportion to what has come of it', () => {
  const payload = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at & 0xff))
  const stream = framed(payload)
  const frames: Buffer[] = []
  const reader = new FrameReader(1_000_000, (frame) => frames.push(frame))
  for (let at = 0; at < stream.length; at++) {
    reader.push(stream.subarray(at, at + 1))
    assert.ok(reader.reservedBytes <= 16 * (at + 1))
  }
  assert.equal(frames.length, 1)
  assert.ok(frames[0]?.equals(payload))
})

test('what a frame has outgrown is given back at once', () => {
  const stream = framed(Buffer.alloc(1_000_000))
  const reader = new FrameReader(1_000_000, releaseBytes)
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 20; i++) {
    reader.push(stream.subarray(0, 40_000))
    reader.push(stream.subarray(40_000))
  }
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 4_000_000, `${grown} bytes are left`)
})

test('a mixture of large and small chunks is gathered in order', () => {
  const payload = Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * 7) & 0xff))
  const stream = Buffer.concat([framed(payload), framed(Buffer.from('next'))])
  const frames: Buffer[] = []
  const reader = new FrameReader(1_000_000, (frame) => frames.push(frame))
  const sizes = [2, 1, 5, 3000, 10, 1023, 1024, 20_000, 1, 1]
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const bytes = sizes[turn % sizes.length]!
    reader.push(stream.subarray(at, at + bytes))
    at += bytes
  }
  assert.ok(frames[0]?.equals(payload))
  assert.equal(frames[1]?.toString(), 'next')
})

test('the size of an answer shares a buffer with its first chunk unless that is large', () => {
  const small = frameChunks([Buffer.from('ab'), Buffer.from('c')])
  assert.deepEqual(small.map(String), ['\0\0\0\x03ab', 'c'])
  const large = Buffer.alloc(10_000)
  const chunks = frameChunks([large, Buffer.from('c')])
  assert.equal(chunks[0]?.readInt32BE(0), 10_001)
  assert.equal(chunks[1], large)
})
