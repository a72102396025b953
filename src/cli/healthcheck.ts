/** `samsa healthcheck`: does a broker serve? For containers and scripts, which read the exit code. */
import fs from 'node:fs'
import type { Command } from 'commander'
import type { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import type { OpenCluster } from './open-cluster.ts'
import { ownAddress } from './own-listener.ts'
import { PlainError, toolCommand } from './tool-command.ts'

interface Options {
  readonly bootstrapServer?: string
  readonly brokers: string
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
        .usage('[options] [server.properties]')
        .option(
          '--bootstrap-server <host:port>',
          'the broker to ask; else the one that the file and the environment are settings of',
        )
        .option('--brokers <number>', 'how many the cluster must have at least', '1')
        .option('--timeout-ms <ms>', 'how long to wait for it', '5000')
    },
    run: async (options, [file]) => {
      const patienceMs = wholeNumber(options.timeoutMs, '--timeout-ms')
      const minBrokers = wholeNumber(options.brokers, '--brokers')
      const bootstrap = options.bootstrapServer ?? addressFrom(file, io.env)
      const client = open({ bootstrap, clientId: 'samsa-healthcheck' })
      try {
        io.stdout(`${await untilHealthy(client, minBrokers, patienceMs)}\n`)
      } catch (error) {
        io.stderr(`${bootstrap} is not ready: ${(error as Error).message}\n`)
        throw new ExitError(1)
      } finally {
        await client.close()
      }
    },
  })
}

function addressFrom(file: string | undefined, env: CliIo['env']): string {
  try {
    return ownAddress(file === undefined ? '' : fs.readFileSync(file, 'utf8'), env)
  } catch (error) {
    throw new PlainError(`Whom to ask is not clear: ${(error as Error).message}`)
  }
}

async function untilHealthy(
  client: ClusterClient,
  minBrokers: number,
  timeoutMs: number,
): Promise<string> {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  let reason = `no answer within ${timeoutMs} ms`
  const cancel = systemClock.after(timeoutMs, () => reject(new Error(reason)))
  try {
    for (;;) {
      const { brokers, controllerId } = await Promise.race([client.metadata([]), timeout])
      if (brokers.length >= Math.max(1, minBrokers) && controllerId >= 0) {
        const ids = brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b)
        return `ready: brokers ${ids.join(',')}, controller ${controllerId}`
      }
      if (brokers.length === 0) reason = 'it is not part of a cluster yet'
      else if (controllerId < 0) reason = 'there is no controller'
      else reason = `the cluster has only ${brokers.length} of ${minBrokers} brokers`
      await Promise.race([new Promise<void>((go) => systemClock.after(POLL_MS, go)), timeout])
    }
  } finally {
    cancel()
  }
}
