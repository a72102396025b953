/** `samsa zookeeper`: the built-in ZooKeeper alone, until it is told to stop. */
import process from 'node:process'
import type { Command } from 'commander'
import { DiskError } from '../base/ports.ts'
import { systemClock } from '../host/clock.ts'
import { systemDisk } from '../host/disk.ts'
import { WinstonLoggers } from '../host/logging.ts'
import { systemTransport } from '../host/tcp.ts'
import { startZkServer } from '../zkserver/server.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { toolCommand, UsageError } from './tool-command.ts'

interface Options {
  readonly host: string
  readonly port: string
  readonly data?: string
  readonly tickMs: string
}

export function zookeeperCommand(io: CliIo): Command {
  return toolCommand<Options>(io, {
    name: 'zookeeper',
    description: 'The built-in ZooKeeper, one node, durable. zkCli and other clients can use it.',
    options: (command) => {
      command
        .showHelpAfterError()
        .option('--host <address>', 'address to listen on', '127.0.0.1')
        .option('--port <port>', 'port to listen on, 0 for any', '2181')
        .option('--data <dir>', 'where to keep the data; without it all is lost at the end')
        .option('--tick-ms <ms>', 'sessions last 2 to 20 ticks', '2000')
    },
    run: (options) => run(io, options),
  })
}

async function run(io: CliIo, options: Options): Promise<void> {
  const loggers = new WinstonLoggers({ level: 'info' })
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  try {
    if (options.data !== undefined) systemDisk.makeDirectory(options.data)
    const server = await startZkServer({
      transport: systemTransport,
      disk: systemDisk,
      clock: systemClock,
      loggers,
      dataDir: options.data ?? null,
      host: options.host,
      port: wholeNumber(options.port, '--port'),
      tickMs: wholeNumber(options.tickMs, '--tick-ms'),
      onFailure: (error) => fail(error),
    })
    reportReady({ port: server.port, pid: process.pid })
    await Promise.race([untilStopped(), failed])
    await server.close()
    // The channel to a parent would keep the process.
    process.exit(0)
  } catch (error) {
    if (error instanceof UsageError) throw error
    io.stderr(`samsa zookeeper: ${(error as Error).message}\n`)
    if (error instanceof DiskError)
      io.stderr('  --data must be a directory that this user can write.\n')
    throw new ExitError(1)
  }
}
