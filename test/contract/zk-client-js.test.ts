import { systemClock } from '../../src/host/clock.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { zkClientContract } from './zk-client-contract.ts'
import { jsClients, openSocketHarness } from './zk-socket-harness.ts'

zkClientContract('zk-js on the embedded server', async () => {
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers: new SilentLoggers(),
    dataDir: null,
    host: '127.0.0.1',
    port: 0,
    tickMs: 500,
  })
  const harness = await openSocketHarness(`127.0.0.1:${server.port}`, jsClients)
  return {
    ...harness,
    close: async () => {
      await harness.close()
      await server.close()
    },
  }
})

const real = process.env.ZOOKEEPER_CONNECT
zkClientContract(
  'zk-js on a real ZooKeeper',
  () => openSocketHarness(real ?? '', jsClients),
  real === undefined ? { skip: 'ZOOKEEPER_CONNECT names none' } : {},
)
