/** `samsa healthcheck`: does a broker serve? For containers and scripts, which read the exit code. */
import type { Command } from 'commander'
import type { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import type { OpenCluster } from './open-cluster.ts'
import { toolCommand } from './tool-command.ts'

interface Options {
  readonly bootstrapServer: string
  readonly timeoutMs: string
}

const POLL_MS = 100

export function healthcheckCommand(io: CliIo, open: OpenCluster): Command {
  return toolCommand<Options>(io, {
    name: 'healthcheck',
    description:
      'Exit code 0 when the broker answers, is registered and knows a controller; 1 when it does not within the time.',
    options: (command) => {
      command
        .showHelpAfterError()
        .option('--bootstrap-server <host:port>', 'the broker to ask', 'localhost:9092')
        .option('--timeout-ms <ms>', 'how long to wait for it', '5000')
    },
    run: async ({ bootstrapServer, timeoutMs }) => {
      const patienceMs = wholeNumber(timeoutMs, '--timeout-ms')
      const client = open({ bootstrap: bootstrapServer, clientId: 'samsa-healthcheck' })
      try {
        io.stdout(`${await untilHealthy(client, patienceMs)}\n`)
      } catch (error) {
        io.stderr(`${bootstrapServer} is not ready: ${(error as Error).message}\n`)
        throw new ExitError(1)
      } finally {
        await client.close()
      }
    },
  })
}

async function untilHealthy(client: ClusterClient, timeoutMs: number): Promise<string> {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  let reason = `no answer within ${timeoutMs} ms`
  const cancel = systemClock.after(timeoutMs, () => reject(new Error(reason)))
  try {
    for (;;) {
      const { brokers, controllerId } = await Promise.race([client.metadata([]), timeout])
      if (brokers.length > 0 && controllerId >= 0) {
        const ids = brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b)
        return `ready: brokers ${ids.join(',')}, controller ${controllerId}`
      }
      reason = brokers.length === 0 ? 'it is not part of a cluster yet' : 'there is no controller'
      await Promise.race([new Promise<void>((go) => systemClock.after(POLL_MS, go)), timeout])
    }
  } finally {
    cancel()
  }
}
