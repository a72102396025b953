/** `samsa verify`: does a Kafka cluster keep what it acknowledges? The exit code tells. */
import process from 'node:process'
import type { Command } from 'commander'
import type { Clock } from '../base/ports.ts'
import { systemVerifier } from '../chaos/system-verifier.ts'
import { VERIFY_TOPIC, type Verifier, type VerifierOptions } from '../chaos/verifier.ts'
import { systemClock } from '../host/clock.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { milliseconds } from './duration.ts'
import { wholeNumber } from './flag-values.ts'
import { untilStopped } from './process-life.ts'
import { checkRequired, PlainError, toolCommand, UsageError } from './tool-command.ts'
import { hasPassed, verdictLine, verdictTable } from './verdict-table.ts'

/** What a test puts in the place of sockets and signals. */
export interface VerifyPorts {
  readonly clock: Clock
  readonly make: (bootstrap: string, options: VerifierOptions) => Verifier
  readonly untilStopped: () => Promise<void>
  readonly isTty: boolean
}

interface Options {
  readonly bootstrapServer: string
  readonly for: string
  readonly rate?: string
  readonly partitions: string
  readonly topic: string
}

const PROGRESS_EVERY_MS = 1_000
const CLEAR_LINE = '\r\x1b[K'
const SYSTEM_PORTS: VerifyPorts = {
  clock: systemClock,
  make: systemVerifier,
  untilStopped,
  isTty: process.stderr.isTTY === true,
}

export function verifyCommand(io: CliIo, ports: VerifyPorts = SYSTEM_PORTS): Command {
  return toolCommand<Options>(io, {
    name: 'verify',
    description:
      'Writes unique values with acks=all, one try each, reads them all the while, and accounts for each: ' +
      'exit code 0 when nothing acknowledged was lost, duplicated or reordered. Ctrl-C ends it early.',
    options: (command) => {
      command
        .showHelpAfterError()
        .option('--bootstrap-server <host:port,...>', 'any Kafka cluster')
        .option('--for <time>', 'how long to write: 30s, 10m, 8h', '60s')
        .option('--rate <n>', 'values a second in all; default 50 for each partition')
        .option('--partitions <n>', 'how many to write to', '3')
        .option(
          '--topic <name>',
          'made when missing: 3 replicas, min.insync.replicas=2',
          VERIFY_TOPIC,
        )
    },
    run: async (options) => {
      checkRequired({ ...options }, ['bootstrap-server'])
      await run(io, ports, options)
    },
  })
}

async function run(io: CliIo, ports: VerifyPorts, options: Options): Promise<void> {
  const forMs = milliseconds(options.for, '--for')
  const verifier = ports.make(options.bootstrapServer, verifierOptions(options))
  try {
    await verifier.start()
  } catch (error) {
    throw new PlainError(`${options.bootstrapServer}: ${(error as Error).message}`)
  }
  const cancelProgress = ports.isTty ? showProgress(io, ports.clock, verifier) : () => {}
  const over = Promise.withResolvers<void>()
  const cancelTimer = ports.clock.after(forMs, over.resolve)
  await Promise.race([over.promise, ports.untilStopped()])
  cancelTimer()
  const verdict = await verifier.stop()
  cancelProgress()
  io.stdout(verdictTable(verdict))
  if (!hasPassed(verdict)) throw new ExitError(1)
}

function verifierOptions({ partitions, rate, topic }: Options): VerifierOptions {
  const count = wholeNumber(partitions, '--partitions')
  const ratePerSecond = rate === undefined ? undefined : wholeNumber(rate, '--rate')
  if (count < 1) throw new UsageError('--partitions: at least one')
  if (ratePerSecond === 0) throw new UsageError('--rate: at least one')
  return { topic, partitions: count, ...(ratePerSecond === undefined ? {} : { ratePerSecond }) }
}

/** One line, written over each second. */
function showProgress(io: CliIo, clock: Clock, verifier: Verifier): () => void {
  const startMs = clock.monotonicMs()
  let cancel = () => {}
  const show = (): void => {
    io.stderr(`${CLEAR_LINE}${verdictLine(verifier.verdict, clock.monotonicMs() - startMs)}`)
    cancel = clock.after(PROGRESS_EVERY_MS, show)
  }
  show()
  return () => {
    cancel()
    io.stderr(CLEAR_LINE)
  }
}
