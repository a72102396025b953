import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WatchTable } from '../../src/zkserver/watches.ts'

const anna = { name: 'anna' }
const bert = { name: 'bert' }

function names(clients: Iterable<{ name: string }>): string[] {
  return [...clients].map(({ name }) => name)
}

test('a one-shot watch fires once, for everyone who has it', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'one-shot')
  table.add('/a', anna, 'one-shot')
  table.add('/a', bert, 'one-shot')
  assert.deepEqual(names(table.trigger('/a', 'changed')), ['anna', 'bert'])
  assert.deepEqual(names(table.trigger('/a', 'changed')), [])
  assert.equal(table.watchCount, 0)
  assert.equal(table.pathCount, 0)
})

test('a persistent watch stays, and hears of its own path only', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'persistent')
  for (let i = 0; i < 2; i++) assert.deepEqual(names(table.trigger('/a', 'children')), ['anna'])
  assert.deepEqual(names(table.trigger('/a/b', 'changed')), [])
})

test('a recursive watch hears of everything below, but not of child lists', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'persistent-recursive')
  assert.deepEqual(names(table.trigger('/a/b/c', 'created')), ['anna'])
  assert.deepEqual(names(table.trigger('/a', 'changed')), ['anna'])
  assert.deepEqual(names(table.trigger('/a', 'children')), [])
  assert.deepEqual(names(table.trigger('/ab', 'created')), [])
  table.add('/', bert, 'persistent-recursive')
  assert.deepEqual(names(table.trigger('/a/b', 'deleted')), ['anna', 'bert'])
})

test('watches of all kinds live on one path without replacing each other', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'persistent')
  table.add('/a', anna, 'one-shot')
  table.add('/a', anna, 'persistent-recursive')
  assert.deepEqual(names(table.trigger('/a', 'changed')), ['anna'])
  assert.deepEqual(names(table.trigger('/a', 'children')), ['anna'])
  assert.deepEqual(names(table.trigger('/a/b', 'changed')), ['anna'])
})

test('a client that leaves takes its watches along', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'one-shot')
  table.add('/b', anna, 'persistent-recursive')
  table.add('/a', bert, 'one-shot')
  table.removeClient(anna)
  assert.deepEqual(names(table.trigger('/b/c', 'created')), [])
  assert.deepEqual(names(table.trigger('/a', 'changed')), ['bert'])
  assert.equal(table.clientCount, 0)
})

test('one event reaches a client once, even if two tables know it', () => {
  const table = new WatchTable<{ name: string }>()
  table.add('/a', anna, 'one-shot')
  assert.deepEqual(names(table.trigger('/a', 'deleted', new Set([anna]))), [])
  assert.deepEqual(names(table.trigger('/a', 'deleted')), [])
})
