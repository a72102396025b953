/** A harness over real sockets: each client behind a proxy of its own, all in one fresh chroot. */

import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { ZkJsClient, type ZkJsOptions } from '../../src/host/zk-js.ts'
import { parseConnectString } from '../../src/zk/connect-string.ts'
import type { ZkClient } from '../../src/zk/zk-client.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { TEST_CREDENTIALS, type ZkHarness, zkClientContract } from './zk-client-contract.ts'

const SESSION_TIMEOUT_MS = 4_000

export interface Clients {
  make(connect: string, sessionTimeoutMs: number): ZkClient
  passwordOf(client: ZkClient): Buffer
  readonly lacks?: NonNullable<ZkHarness['lacks']>
}

export function makeJsClient(options: ZkJsOptions): ZkJsClient {
  const logger = new SilentLoggers().get('zk')
  return new ZkJsClient(
    { transport: systemTransport, clock: systemClock, random: systemRandom, logger },
    options,
  )
}

export const jsClients: Clients = {
  make: (connect, sessionTimeoutMs) => makeJsClient({ connect, sessionTimeoutMs }),
  passwordOf: (client) => (client as ZkJsClient).sessionPassword,
}

export async function openSocketHarness(connect: string, clients: Clients): Promise<ZkHarness> {
  const [server] = parseConnectString(connect).servers
  const chroot = `/contract-${systemRandom.bytes(6).toString('hex')}`
  const root = makeJsClient({ connect, sessionTimeoutMs: SESSION_TIMEOUT_MS })
  await until(`${connect} answers`, () => root.state === 'connected').catch(async (error) => {
    await root.close()
    throw error
  })
  await root.create(chroot, null, 'persistent')
  const made: ZkClient[] = []
  const proxies = new Map<ZkClient, TcpProxy>()
  return {
    ...(clients.lacks === undefined ? {} : { lacks: clients.lacks }),
    connect: async () => {
      const proxy = await TcpProxy.start(server!)
      const client = clients.make(`127.0.0.1:${proxy.port}${chroot}`, SESSION_TIMEOUT_MS)
      made.push(client)
      proxies.set(client, proxy)
      await until('connected', () => client.state === 'connected')
      return client
    },
    disconnect: (client) => proxies.get(client)?.breakAll('refuse'),
    allowReconnect: (client) => proxies.get(client)?.heal(),
    expire: async (client) => {
      const session = { id: client.sessionId, password: clients.passwordOf(client) }
      proxies.get(client)?.breakAll('refuse')
      const usurper = makeJsClient({ connect, sessionTimeoutMs: SESSION_TIMEOUT_MS, session })
      await until('taken over', () => usurper.state === 'connected')
      await usurper.close()
      proxies.get(client)?.heal()
    },
    close: async () => {
      // The native client blocks for a good-bye that a proxy in its own process cannot pass on.
      for (const proxy of proxies.values()) proxy.breakAll('refuse')
      for (const client of made) {
        await until('disconnected', () => client.state !== 'connected')
        await client.close()
      }
      for (const proxy of proxies.values()) await proxy.close()
      await root.addAuth('digest', TEST_CREDENTIALS)
      await removeTree(root, chroot).finally(() => root.close())
    },
  }
}

/** The same, on an embedded server of its own. */
export async function openEmbeddedHarness(clients: Clients): Promise<ZkHarness> {
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers: new SilentLoggers(),
    dataDir: null,
    host: '127.0.0.1',
    port: 0,
    tickMs: 500,
  })
  const harness = await openSocketHarness(`127.0.0.1:${server.port}`, clients)
  const close = () => harness.close().finally(() => server.close())
  return { ...harness, close }
}

/** Both servers that are to be had: the real one only where the environment names one. */
export function contractOnEachServer(name: string, clients: Clients, skip?: string): void {
  const skipping = skip === undefined ? {} : { skip }
  zkClientContract(`${name} on the embedded server`, () => openEmbeddedHarness(clients), skipping)
  const real = process.env.ZOOKEEPER_CONNECT
  zkClientContract(
    `${name} on a real ZooKeeper`,
    () => openSocketHarness(real ?? '', clients),
    real === undefined ? { skip: 'ZOOKEEPER_CONNECT names none' } : skipping,
  )
}

async function removeTree(client: ZkClient, path: string): Promise<void> {
  const { children } = await client.children(path)
  for (const name of children) await removeTree(client, `${path}/${name}`)
  await client.delete(path, -1)
}
