/** Requests to the controller: what becomes of them when another broker takes its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket, Transport } from '../../src/base/ports.ts'
import { ControllerChannel } from '../../src/broker/controller-channel.ts'
import { MetadataCache } from '../../src/cluster/image.ts'
import { apiVersions } from '../../src/protocol/messages/api-versions.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { MemorySocket } from '../support/memory-socket.ts'

/** Brokers 1 and 2 at hosts of the same names; sockets by host. */
function bench(behaviour: 'accepts' | 'is silent') {
  const sockets = new Map<string, MemorySocket>()
  const waiting: ((socket: Socket) => void)[] = []
  const transport: Transport = {
    listen: () => Promise.reject(new Error('not used')),
    connect: (host) =>
      new Promise((resolve) => {
        sockets.set(host, new MemorySocket())
        if (behaviour === 'accepts') resolve(sockets.get(host)!)
        else waiting.push(resolve)
      }),
  }
  const metadata = new MetadataCache()
  const see = (controllerId: number): void => {
    const brokers = [1, 2].map((id) => ({
      id,
      rack: null,
      endpoints: [{ listener: 'PLAINTEXT', host: `${id}`, port: 9092, securityProtocol: 0 }],
    }))
    metadata.apply({ controllerId, brokers, topics: [] })
  }
  see(1)
  const channel = new ControllerChannel(transport, new FakeClock(), metadata, {
    listener: 'PLAINTEXT',
    clientId: 'test',
    connectTimeoutMs: 30_000,
    requestTimeoutMs: 30_000,
  })
  const ask = () =>
    channel.send(apiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })
  return { sockets, waiting, metadata, see, channel, ask }
}

test('nobody waits for the answer of a controller that is none any more', async () => {
  const { sockets, see, channel, ask } = bench('accepts')
  const asked = assert.rejects(ask(), /1/)
  await settlePromises()
  see(1)
  await settlePromises()
  assert.equal(sockets.get('1')!.destroyed, false)
  see(2)
  await asked
  assert.equal(sockets.get('1')!.destroyed, true)
  ask().catch(() => {})
  await settlePromises()
  assert.equal(sockets.get('2')!.written.length, 1)
  channel.close()
})

test('nobody waits for a connection to a controller that is none any more', async () => {
  const { sockets, waiting, see, channel, ask } = bench('is silent')
  const asked = assert.rejects(ask(), /no longer/)
  await settlePromises()
  see(2)
  await asked
  waiting[0]!(sockets.get('1')!)
  await settlePromises()
  assert.equal(sockets.get('1')!.destroyed, true)
  channel.close()
})
