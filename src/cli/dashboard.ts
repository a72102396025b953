/** `samsa dashboard`: the page that shows a cluster as it lives, or a recorded run. */
import process from 'node:process'
import { type LiveCluster, openLiveCluster } from '../dashboard/live-cluster.ts'
import { DEFAULT_HOST, DEFAULT_PORT, startDashboard } from '../dashboard/start-dashboard.ts'
import { type CliIo, ExitError, UsageError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { type FlagValues, type Runnable, serverCommand } from './server-command.ts'

export function dashboardCommand(io: CliIo): Runnable {
  return serverCommand(io, {
    usage: 'dashboard --zookeeper HOST:PORT[/chroot] | --history FILE [options]',
    description: 'A page that shows brokers, failovers and znodes as they are, or a recorded run.',
    flags: [
      { name: 'zookeeper', value: 'host:port[/chroot]', help: 'of the cluster to look at' },
      { name: 'history', value: 'file', help: 'a recorded run, in place of a cluster' },
      { name: 'host', value: 'address', help: 'to listen on', fallback: DEFAULT_HOST },
      { name: 'port', value: 'port', help: 'to listen on, 0 for any', fallback: `${DEFAULT_PORT}` },
      {
        name: 'name',
        value: 'host',
        help: 'how browsers call it, when with a dot; else SAMSA_DASHBOARD_NAME',
      },
      {
        name: 'proxies',
        value: 'url',
        help: 'API of the samsa proxy that the links run through; else SAMSA_DASHBOARD_PROXIES',
      },
      {
        name: 'token',
        value: 'text',
        help: 'needed for faults; else SAMSA_DASHBOARD_TOKEN, or made up when not on loopback',
      },
    ],
    run: (flags) => run(io, flags),
  })
}

async function run(io: CliIo, flags: FlagValues): Promise<void> {
  const file = flags.last('history')
  const zookeeper = flags.last('zookeeper')
  if ((file === undefined) === (zookeeper === undefined)) {
    throw new UsageError('Give either --zookeeper or --history')
  }
  // Empty is what Compose passes on when nobody has set it.
  const token = flags.last('token') || io.env.SAMSA_DASHBOARD_TOKEN || undefined
  const proxies = flags.last('proxies') || io.env.SAMSA_DASHBOARD_PROXIES || undefined
  const names = [...flags.all('name'), io.env.SAMSA_DASHBOARD_NAME ?? ''].filter(
    (name) => name !== '',
  )
  const stopped = untilStopped()
  let cluster: LiveCluster | null = null
  try {
    cluster =
      zookeeper === undefined
        ? null
        : await openLiveCluster({ zookeeper, ...(proxies === undefined ? {} : { proxies }) })
    const dashboard = await startDashboard({
      host: flags.last('host')!,
      port: wholeNumber(flags.last('port')!, '--port'),
      names,
      ...(token === undefined ? {} : { token }),
      from: cluster === null ? { kind: 'file', file: file! } : cluster.source,
    })
    if (cluster !== null && cluster.clientNote !== null) {
      io.stdout(`The observer uses node-zookeeper-client: ${cluster.clientNote}\n`)
    }
    io.stdout(`The dashboard is at ${dashboard.url}\n`)
    reportReady({ port: dashboard.port, pid: process.pid })
    await stopped
    await dashboard.close()
    await cluster?.close()
    process.exit(0)
  } catch (error) {
    await cluster?.close()
    if (error instanceof UsageError) throw error
    io.stderr(`samsa dashboard: ${(error as Error).message}\n`)
    throw new ExitError(1)
  }
}
