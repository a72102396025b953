/** `samsa zookeeper`: the built-in ZooKeeper alone, until it is told to stop. */
import process from 'node:process'
import { DiskError } from '../base/ports.ts'
import { systemClock } from '../host/clock.ts'
import { systemDisk } from '../host/disk.ts'
import { WinstonLoggers } from '../host/logging.ts'
import { systemTransport } from '../host/tcp.ts'
import { startZkServer } from '../zkserver/server.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { type Runnable, serverCommand } from './server-command.ts'

export function zookeeperCommand(io: CliIo): Runnable {
  return serverCommand(io, {
    usage: 'zookeeper [options]',
    description: 'The built-in ZooKeeper, one node, durable. zkCli and other clients can use it.',
    flags: [
      { name: 'host', value: 'address', help: 'to listen on', fallback: '127.0.0.1' },
      { name: 'port', value: 'port', help: 'to listen on, 0 for any', fallback: '2181' },
      { name: 'data', value: 'dir', help: 'for the data; without it all is lost at the end' },
      { name: 'tick-ms', value: 'ms', help: 'sessions last 2 to 20 ticks', fallback: '2000' },
    ],
    run: (flags) =>
      run(io, {
        host: flags.last('host')!,
        port: wholeNumber(flags.last('port')!, '--port'),
        data: flags.last('data') ?? null,
        tickMs: wholeNumber(flags.last('tick-ms')!, '--tick-ms'),
      }),
  })
}

interface Options {
  readonly host: string
  readonly port: number
  readonly data: string | null
  readonly tickMs: number
}

async function run(io: CliIo, options: Options): Promise<void> {
  const loggers = new WinstonLoggers({ level: 'info' })
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  try {
    if (options.data !== null) systemDisk.makeDirectory(options.data)
    const server = await startZkServer({
      transport: systemTransport,
      disk: systemDisk,
      clock: systemClock,
      loggers,
      dataDir: options.data,
      host: options.host,
      port: options.port,
      tickMs: options.tickMs,
      onFailure: (error) => fail(error),
    })
    reportReady({ port: server.port, pid: process.pid })
    await Promise.race([untilStopped(), failed])
    await server.close()
    // The channel to a parent would keep the process.
    process.exit(0)
  } catch (error) {
    io.stderr(`samsa zookeeper: ${(error as Error).message}\n`)
    if (error instanceof DiskError)
      io.stderr('  --data must be a directory that this user can write.\n')
    throw new ExitError(1)
  }
}
