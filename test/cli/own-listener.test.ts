import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownAddress } from '../../src/cli/own-listener.ts'

const MAP = 'listener.security.protocol.map=IN:PLAINTEXT,OUT:SSL'

test('a broker is found where its settings say that it listens', () => {
  const cases: [properties: string, env: Record<string, string>, address: string][] = [
    ['', {}, '127.0.0.1:9092'],
    ['listeners=PLAINTEXT://:19092', {}, '127.0.0.1:19092'],
    ['listeners=PLAINTEXT://10.1.2.3:9092', {}, '10.1.2.3:9092'],
    ['listeners=PLAINTEXT://[::1]:9092', {}, '[::1]:9092'],
    ['listeners=PLAINTEXT://[::]:9092', {}, '127.0.0.1:9092'],
    [`${MAP}\nlisteners=OUT://:9092,IN://:29092`, {}, '127.0.0.1:29092'],
    ['listeners=PLAINTEXT://:1', { KAFKA_LISTENERS: 'PLAINTEXT://0.0.0.0:2' }, '127.0.0.1:2'],
    ['', { KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:29092' }, '127.0.0.1:29092'],
    ['listeners=PLAINTEXT://:1', { KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://k:2' }, '127.0.0.1:1'],
    ['advertised.listeners=PLAINTEXT://kafka:29092', {}, '127.0.0.1:9092'],
  ]
  for (const [properties, env, address] of cases) {
    assert.equal(ownAddress(properties, env), address, `${properties} ${JSON.stringify(env)}`)
  }
})

test('a broker without a plain listener cannot be asked yet', () => {
  assert.throws(() => ownAddress('listeners=SSL://:9093', {}), /no listener of SSL.* PLAINTEXT/)
})
