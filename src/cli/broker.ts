/** `samsa broker`: one broker, until it is told to stop. */
import fs from 'node:fs'
import os from 'node:os'
import process from 'node:process'
import type { Command } from 'commander'
import { Broker } from '../broker/broker.ts'
import { loadConfig } from '../broker/config.ts'
import { systemClock } from '../host/clock.ts'
import { systemDisk } from '../host/disk.ts'
import { logLevelsOf, WinstonLoggers } from '../host/logging.ts'
import { systemRandom } from '../host/random.ts'
import { systemTransport } from '../host/tcp.ts'
import { ZkJsClient } from '../host/zk-js.ts'
import type { CliIo } from './cli-io.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { collect, toolCommand } from './tool-command.ts'

interface Options {
  readonly override?: string[]
  readonly logFormat: string
}

export function brokerCommand(io: CliIo): Command {
  return toolCommand<Options>(io, {
    name: 'broker',
    description:
      'One broker: broker [server.properties]. Settings come from --override, the environment (KAFKA_LOG_DIRS is log.dirs), ' +
      'and the properties file, in this order.',
    options: (command) => {
      command
        .showHelpAfterError()
        .option('--override <key=value>', 'any setting, may be repeated', collect)
        .option('--log-format <format>', 'kafka or json', 'kafka')
    },
    run: (options, [file]) => run(io, options, file),
  })
}

async function run(io: CliIo, options: Options, file: string | undefined): Promise<void> {
  const loggers = new WinstonLoggers({
    format: options.logFormat === 'json' ? 'json' : 'kafka',
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
      overrides: options.override ?? [],
    })
    const broker = new Broker(
      {
        clock: systemClock,
        random: systemRandom,
        disk: systemDisk,
        transport: systemTransport,
        loggers,
        hostName: os.hostname(),
        connectZooKeeper: (connect, sessionTimeoutMs) =>
          new ZkJsClient(
            {
              transport: systemTransport,
              clock: systemClock,
              random: systemRandom,
              logger: loggers.get('org.apache.zookeeper.ClientCnxn'),
            },
            { connect, sessionTimeoutMs },
          ),
        onFatal: (reason, cause) => fail(new Error(reason, { cause })),
      },
      loaded,
    )
    const stopped = untilStopped()
    const started = broker.start().then(() => {
      reportReady({ port: broker.listeners[0]?.port ?? 0, pid: process.pid })
    })
    await Promise.race([started, stopped, failed])
    await Promise.race([stopped, failed])
    await broker.shutdown()
    process.exit(0)
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error))
    loggers.get('kafka.Kafka$').error('Exiting Kafka due to fatal exception', reason)
    io.stderr(`samsa broker: ${reason.message}\n`)
    // Sockets and sessions that are still open must not keep the process.
    process.exit(1)
  }
}
