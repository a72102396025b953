/**
 * The HTTP endpoint of a broker of this process. It is there before the broker starts, so that it can
 * tell why the broker is not ready; what serves it is loaded only when it is wanted.
 */
import type { Broker, BrokerPorts } from '../broker/broker.ts'
import { type BrokerConfig, logDirsOf } from '../broker/config.ts'
import { advertisedHosts } from '../broker/listeners.ts'
import { httpAddress } from '../broker/settings/samsa-settings.ts'
import type { SystemBrokerPorts } from './broker-ports.ts'
import { logLevelsPort } from './log-levels.ts'
import type { WinstonLoggers } from './logging.ts'
import type { MetricsPage } from './metrics-page.ts'

export interface BrokerEndpoint {
  readonly port: number
  /** For the broker that is to be shown. */
  readonly ports: Pick<BrokerPorts, 'httpPort' | 'disk'>
  show(broker: Broker): void
  close(): void
}

/** Null when `samsa.http.listener` is unset. */
export async function openBrokerEndpoint(
  config: BrokerConfig,
  ports: SystemBrokerPorts,
  loggers: WinstonLoggers,
): Promise<BrokerEndpoint | null> {
  const address = httpAddress(config['samsa.http.listener'])
  if (address === null) return null
  const { startHttpEndpoint } = await import('./http-endpoint.ts')
  const { LogEvents } = await import('./log-events.ts')
  const { BrokerFaults } = await import('./broker-faults.ts')
  const { DiskFull } = await import('./disk-full.ts')
  const diskFull = config['samsa.faults.enable']
    ? new DiskFull(ports.disk, ports.clock, logDirsOf(config))
    : null
  let shown: Broker | null = null
  let page: MetricsPage | null = null
  const offlineLogDirs = () => shown?.offlineLogDirs ?? []
  const events = new LogEvents()
  const stopListening = loggers.onLine((line) => events.add(line))
  const endpoint = await startHttpEndpoint(
    { ...address, names: advertisedHosts(config) },
    {
      notReady: () => shown?.unreadyReasons() ?? ['not started'],
      metrics: async () => {
        page ??= new (await import('./metrics-page.ts')).MetricsPage()
        return page.render(shown?.metrics() ?? [])
      },
      logLevels: logLevelsPort(loggers),
      events,
      faults: diskFull && new BrokerFaults({ ...ports, diskFull, offlineLogDirs }),
    },
  )
  loggers
    .get('samsa.HttpEndpoint')
    .info(`Serving observers on ${address.host || '0.0.0.0'}:${endpoint.port}.`)
  return {
    port: endpoint.port,
    ports: { httpPort: endpoint.port, disk: diskFull?.disk ?? ports.disk },
    show: (broker) => {
      shown = broker
    },
    close: () => {
      stopListening()
      endpoint.close()
    },
  }
}
