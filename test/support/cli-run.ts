/** Runs a command of the command line against fake brokers, and gives back all it wrote. */

import type { Command } from 'commander'
import { type CliIo, ExitError } from '../../src/cli/cli-io.ts'
import type { OpenCluster } from '../../src/cli/open-cluster.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import type { FakeBrokers } from './fake-brokers.ts'
import { FakeClock } from './fake-clock.ts'

export interface CliResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

export async function runCli(
  brokers: FakeBrokers,
  makeCommand: (io: CliIo, open: OpenCluster) => Command,
  args: readonly string[],
  clock: FakeClock = new FakeClock(),
): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const io: CliIo = {
    stdout: (text) => {
      stdout += String(text)
    },
    stderr: (text) => {
      stderr += text
    },
    env: {},
    stdin: (async function* () {})(),
  }
  const open: OpenCluster = ({ bootstrap, callTimeoutMs }) =>
    new ClusterClient(brokers.connect, clock, {
      bootstrap,
      ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
    })
  try {
    await makeCommand(io, open).parseAsync(args, { from: 'user' })
    return { stdout, stderr, exitCode: 0 }
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    return { stdout, stderr, exitCode: error.exitCode }
  }
}
