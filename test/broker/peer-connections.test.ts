/** `samsa.peer.addresses`: where a broker connects to its peers, and what proves a peer dead. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket, Transport } from '../../src/base/ports.ts'
import { loadConfig } from '../../src/broker/config.ts'
import { PeerConnections } from '../../src/broker/peer-connections.ts'
import { peerAddresses } from '../../src/broker/settings/samsa-settings.ts'
import { isRefusal } from '../../src/controller/broker-channels.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemorySocket } from '../support/memory-socket.ts'

const BROKER = { brokerId: 2, host: 'broker', port: 9092 }

type Behaviour = 'accept' | 'refuse' | 'silent'

/** Hosts that accept, refuse, or say nothing until the time is over. */
class Hosts implements Transport {
  readonly sockets: { host: string; socket: MemorySocket }[] = []
  readonly #behaviours: Readonly<Record<string, Behaviour>>

  constructor(behaviours: Readonly<Record<string, Behaviour>>) {
    this.#behaviours = behaviours
  }

  listen(): Promise<never> {
    throw new Error('nobody listens here')
  }

  connect(host: string, port: number): Promise<Socket> {
    const at = `${host}:${port}`
    switch (this.#behaviours[host]) {
      case 'accept': {
        const socket = new MemorySocket()
        this.sockets.push({ host, socket })
        return Promise.resolve(socket)
      }
      case 'refuse':
        return Promise.reject(Object.assign(new Error(`${at} refuses`), { code: 'ECONNREFUSED' }))
      default:
        return Promise.reject(new Error(`no connection to ${at} in time`))
    }
  }

  open(host: string): number {
    return this.sockets.filter((each) => each.host === host && !each.socket.destroyed).length
  }
}

function peers(behaviours: Readonly<Record<string, Behaviour>>, addresses = '2=proxy:1') {
  const hosts = new Hosts(behaviours)
  const connections = new PeerConnections(hosts, new FakeClock(), {
    addresses: peerAddresses(addresses.split(',')),
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
  })
  return { hosts, connections }
}

test('a peer with an address is reached there and nowhere else', async () => {
  const { hosts, connections } = peers({ broker: 'accept', proxy: 'accept' })
  await connections.connect(BROKER, 'c')
  assert.deepEqual([hosts.open('proxy'), hosts.open('broker')], [1, 0])
  assert.deepEqual(connections.addressOf(2), { host: 'proxy', port: 1 })
  assert.equal(connections.addressOf(3), undefined)
  await connections.connect({ ...BROKER, brokerId: 3 }, 'c')
  assert.deepEqual([hosts.open('proxy'), hosts.open('broker')], [1, 1])
})

test('without an address a refusal is proof, as ever', async () => {
  const { connections } = peers({ broker: 'refuse' }, '3=proxy:1')
  await assert.rejects(connections.connectWithProof(BROKER, 'c'), isRefusal)
})

test('a proxy that refuses proves nothing of a broker that lives', async () => {
  const { hosts, connections } = peers({ broker: 'accept', proxy: 'refuse' })
  await assert.rejects(connections.connectWithProof(BROKER, 'c'), (error: Error) => {
    assert.match(error.message, /samsa\.peer\.addresses at proxy:1: proxy:1 refuses/)
    return !isRefusal(error)
  })
  assert.equal(hosts.open('broker'), 0, 'the look at the broker itself is over')
})

test('a proxy that accepts does not hide that the broker itself refuses', async () => {
  const { hosts, connections } = peers({ broker: 'refuse', proxy: 'accept' })
  await assert.rejects(connections.connectWithProof(BROKER, 'c'), isRefusal)
  assert.equal(hosts.open('proxy'), 0)
})

test('a broker that cannot be seen past its proxy is neither dead nor out of reach', async () => {
  const { hosts, connections } = peers({ broker: 'silent', proxy: 'accept' })
  await connections.connectWithProof(BROKER, 'c')
  assert.equal(hosts.open('proxy'), 1)
  const both = peers({ broker: 'silent', proxy: 'refuse' })
  await assert.rejects(
    both.connections.connectWithProof(BROKER, 'c'),
    (error) => !isRefusal(error as Error),
  )
})

test('the setting is a list of ids with addresses', () => {
  const load = (value: string) =>
    loadConfig({
      properties: '',
      env: {},
      overrides: ['zookeeper.connect=z:1', 'broker.id=1', `samsa.peer.addresses=${value}`],
    }).config['samsa.peer.addresses']
  assert.deepEqual(load(''), [])
  assert.deepEqual(
    [...peerAddresses(load('2=127.0.0.1:40012, 3 = [::1]:40013'))],
    [
      [2, { host: '127.0.0.1', port: 40012 }],
      [3, { host: '::1', port: 40013 }],
    ],
  )
  for (const wrong of ['2', '2=x', '2=:1', '2=h:0', '2=h:70000', 'a=h:1', '-1=h:1', '2=h:1,,']) {
    assert.throws(() => load(wrong), /samsa\.peer\.addresses: expected ID=host:port/, wrong)
  }
  assert.throws(() => load('2=h:1,2=h:2'), /samsa\.peer\.addresses: broker 2 is named twice/)
})
