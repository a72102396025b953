/** `samsa broker`: one broker, until it is told to stop. */
import fs from 'node:fs'
import process from 'node:process'
import type { Logger } from '../base/ports.ts'
import { Broker } from '../broker/broker.ts'
import { loadConfig } from '../broker/config.ts'
import { openBrokerEndpoint } from '../host/broker-endpoint.ts'
import { systemBrokerPorts } from '../host/broker-ports.ts'
import { systemClock } from '../host/clock.ts'
import { logLevelsOf, WinstonLoggers } from '../host/logging.ts'
import { type CliIo, UsageError } from './cli-io.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { type Runnable, serverCommand } from './server-command.ts'
import { hintFor, isBug } from './start-failure.ts'

const START_GRACE_MS = 2_000

export function brokerCommand(io: CliIo): Runnable {
  return serverCommand(io, {
    usage: 'broker [server.properties] [options]',
    description:
      'One broker. Settings come from --override, the environment (KAFKA_LOG_DIRS is log.dirs), and\n' +
      'the properties file, in this order.',
    flags: [
      { name: 'override', value: 'key=value', help: 'any setting, may be repeated' },
      { name: 'log-format', value: 'format', help: 'kafka or json', fallback: 'kafka' },
    ],
    run: (flags, [file]) => {
      const format = flags.last('log-format')
      if (format !== 'kafka' && format !== 'json') {
        throw new UsageError(`--log-format ${format}: expected kafka or json`)
      }
      return run(io, { overrides: flags.all('override'), format, file })
    },
  })
}

interface Options {
  readonly overrides: readonly string[]
  readonly format: 'kafka' | 'json'
  readonly file: string | undefined
}

async function run(io: CliIo, { overrides, format, file }: Options): Promise<void> {
  const loggers = new WinstonLoggers({
    format,
    ...logLevelsOf(io.env),
  })
  let fail: (reason: Error) => void = () => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  process.on('uncaughtException', (error) => fail(error))
  process.on('unhandledRejection', (reason) => fail(reason as Error))
  try {
    const loaded = loadConfig({
      properties: file === undefined ? '' : fs.readFileSync(file, 'utf8'),
      env: io.env,
      overrides,
    })
    const ports = systemBrokerPorts(loggers, (reason, cause) => fail(new Error(reason, { cause })))
    const endpoint = await openBrokerEndpoint(loaded.config, ports, loggers)
    const broker = new Broker({ ...ports, ...endpoint?.ports }, loaded)
    endpoint?.show(broker)
    const stopped = untilStopped()
    const started = broker.start().then(() => {
      reportReady({ port: broker.listeners[0]?.port ?? 0, pid: process.pid })
    })
    await Promise.race([started, stopped, failed])
    await Promise.race([stopped, failed])
    // Told to stop in the middle of the start: a registration that is just made is taken back.
    await Promise.race([started.catch(() => {}), delay(START_GRACE_MS)])
    await broker.shutdown()
    process.exit(0)
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error))
    reportFatal(io, loggers.get('kafka.Kafka$'), reason)
    // Sockets and sessions that are still open must not keep the process.
    process.exit(1)
  }
}

function reportFatal(io: CliIo, logger: Logger, reason: Error): void {
  const text = 'Exiting Kafka due to fatal exception'
  if (isBug(reason) || logger.isDebugEnabled()) logger.error(text, reason)
  else logger.error(`${text}: ${reason.message}`)
  const hint = hintFor(reason)
  io.stderr(`samsa broker: ${reason.message}\n${hint === null ? '' : `  ${hint}\n`}`)
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve))
}
