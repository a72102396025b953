import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describedTopicsOrder, hashMapOrder } from '../../src/cli/hash-map-order.ts'

test('strings stand in the order of a HashMap of Java 17', () => {
  // Printed by `new HashMap<>(n)`, filled in this order.
  const keys = ['orders', 'payments', 'a.b_c', 'topic-1', 'topic-2', 'topic-10', 'Ä']
  const expected = ['a.b_c', 'Ä', 'payments', 'orders', 'topic-1', 'topic-2', 'topic-10']
  assert.deepEqual(hashMapOrder(keys), expected)
})

test('described topics are all there', () => {
  const names = Array.from({ length: 50 }, (_, i) => `topic-${i}`)
  assert.deepEqual(describedTopicsOrder(names).sort(), [...names].sort())
})
