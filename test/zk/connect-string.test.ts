import assert from 'node:assert/strict'
import test from 'node:test'
import { formatConnectString, parseConnectString } from '../../src/zk/connect-string.ts'

test('servers, ports, IPv6 literals and a chroot are taken apart', () => {
  assert.deepEqual(parseConnectString('a:1, b ,[::1]:3,fe80::2/kafka/one/'), {
    servers: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2181 },
      { host: '::1', port: 3 },
      { host: 'fe80::2', port: 2181 },
    ],
    chroot: '/kafka/one',
  })
  assert.equal(parseConnectString('a:1').chroot, '')
  assert.equal(parseConnectString('a:1/').chroot, '')
})

test('what is put together is taken apart again', () => {
  for (const text of ['a:1', 'a:1,[::1]:2/x', '10.0.0.1:2181/x/y']) {
    assert.equal(formatConnectString(parseConnectString(text)), text)
  }
})

test('nonsense is refused with its reason', () => {
  for (const text of [
    '',
    ',',
    '/x',
    'a:b',
    'a:0',
    'a:70000',
    '[::1',
    'a]:1',
    'a:1//x',
    'a:1/../x',
  ]) {
    assert.throws(() => parseConnectString(text), /malformed/, text)
  }
})
