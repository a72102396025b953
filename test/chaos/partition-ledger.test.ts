import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionLedger } from '../../src/chaos/partition-ledger.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** Remembers everything and judges at the end. */
class DumbModel {
  readonly log: number[] = []
  readonly acks = new Map<number, number>()

  judge() {
    const firstAt = new Map<number, number>()
    for (const [offset, number] of this.log.entries()) {
      if (!firstAt.has(number)) firstAt.set(number, offset)
    }
    let lost = 0
    let reordered = 0
    for (const [number, offset] of this.acks) {
      if (this.log[offset] !== number) lost += 1
      const first = firstAt.get(number)
      const isBehind = (at: number) => this.log.slice(0, at).some((other) => other > number)
      if (first !== undefined && isBehind(first)) reordered += 1
    }
    const duplicated = this.log.length - firstAt.size
    return { consumed: firstAt.size, lost, duplicated, reordered }
  }
}

/** A cluster that makes every mistake now and then. */
function runOnce(seed: number, mistakes: number) {
  const random = new SeededRandom(seed)
  const ledger = new PartitionLedger()
  const model = new DumbModel()
  const late: number[] = []
  let read = 0
  const readSome = () => {
    for (let left = random.nextInt(4); left > 0 && read < model.log.length; left--) {
      ledger.read(read, model.log[read]!)
      read += 1
    }
  }
  for (let i = 0; i < 60; i++) {
    const number = ledger.send()
    readSome()
    if (random.chance(0.2)) {
      const fate = random.pick(['never', 'now', 'late'] as const)
      if (fate === 'now') model.log.push(number)
      if (fate === 'late') late.push(number)
      readSome()
      ledger.fail()
    } else {
      let offset = model.log.length
      if (random.chance(mistakes)) offset += random.nextInt(3) - 1
      if (random.chance(mistakes)) late.push(number)
      else model.log.push(number)
      if (random.chance(mistakes)) model.log.push(random.nextInt(number + 1))
      readSome()
      if (offset >= 0) {
        ledger.ack(offset)
        model.acks.set(number, offset)
      } else {
        ledger.fail()
      }
    }
    if (late.length > 0 && random.chance(0.2)) model.log.push(late.shift()!)
    readSome()
  }
  for (; read < model.log.length; read++) ledger.read(read, model.log[read]!)
  ledger.settle()
  return { ledger, model }
}

test('the ledger judges as one that remembers everything', () => {
  for (let seed = 0; seed < 2_000; seed++) {
    const { ledger, model } = runOnce(seed, seed % 2 === 0 ? 0.1 : 0.02)
    const { consumed, lost, duplicated, reordered, acked, unchecked } = ledger.counts
    assert.deepEqual({ consumed, lost, duplicated, reordered }, model.judge(), `seed ${seed}`)
    assert.equal(acked, model.acks.size)
    assert.equal(unchecked, 0)
  }
})

test('a cluster without mistakes gets a clean sheet, whatever fails', () => {
  for (let seed = 0; seed < 500; seed++) {
    const { lost, duplicated, reordered } = runOnce(seed, 0).ledger.counts
    assert.deepEqual({ lost, duplicated, reordered }, { lost: 0, duplicated: 0, reordered: 0 })
  }
})

test('records of others count for nothing', () => {
  const ledger = new PartitionLedger(10)
  ledger.send()
  ledger.read(10, null)
  ledger.read(11, 0)
  ledger.ack(11)
  ledger.read(12, null)
  const { consumed, lost, unchecked } = ledger.counts
  assert.deepEqual({ consumed, lost, unchecked }, { consumed: 1, lost: 0, unchecked: 0 })
})

test('what is acknowledged and not read yet is unchecked, then lost when it is not there', () => {
  const ledger = new PartitionLedger()
  ledger.send()
  ledger.ack(5)
  assert.equal(ledger.counts.unchecked, 1)
  assert.equal(ledger.pendingEndOffset, 6)
  ledger.passed(5)
  assert.equal(ledger.counts.lost, 0)
  ledger.passed(6)
  assert.equal(ledger.counts.lost, 1)
  assert.equal(ledger.counts.unchecked, 0)
})

test('records read again after the log went back are not duplicates; other ones behind them are', () => {
  const ledger = new PartitionLedger()
  for (let offset = 0; offset < 4; offset++) {
    ledger.send()
    ledger.ack(offset)
    ledger.read(offset, offset)
  }
  ledger.wentBack(2)
  assert.equal(ledger.position, 2)
  ledger.read(2, 2)
  ledger.read(3, 3)
  assert.equal(ledger.counts.duplicated, 0)
  ledger.read(4, 3)
  assert.equal(ledger.counts.duplicated, 1)
})
