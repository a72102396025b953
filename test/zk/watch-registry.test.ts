import assert from 'node:assert/strict'
import test from 'node:test'
import { WatchRegistry } from '../../src/zk/watch-registry.ts'

const noop = () => {}

test('an event takes the watchers of its kinds, once', () => {
  const registry = new WatchRegistry()
  const other = () => {}
  registry.add('data', '/a', noop)
  registry.add('children', '/a', noop)
  registry.add('children', '/a', other)
  registry.add('exists', '/b', noop)
  assert.deepEqual(registry.take({ type: 'children', path: '/a' }), [noop, other])
  registry.add('children', '/a', noop)
  assert.deepEqual(registry.take({ type: 'deleted', path: '/a' }), [noop])
  assert.deepEqual(registry.take({ type: 'deleted', path: '/a' }), [])
  assert.deepEqual(registry.take({ type: 'changed', path: '/c' }), [])
  assert.deepEqual(registry.paths(), { data: [], exists: ['/b'], children: [] })
  assert.deepEqual(registry.take({ type: 'created', path: '/b' }), [noop])
  assert.equal(registry.isEmpty, true)
})

test('a cleared registry watches nothing', () => {
  const registry = new WatchRegistry()
  registry.add('data', '/a', noop)
  registry.clear()
  assert.equal(registry.isEmpty, true)
})
