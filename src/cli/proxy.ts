/** `samsa proxy`: TCP proxies with toxics behind Toxiproxy's HTTP API, until it is told to stop. */
import fs from 'node:fs'
import process from 'node:process'
import {
  DEFAULT_API_PORT,
  type ProxyServer,
  startProxyServer,
} from '../chaos/proxy/proxy-server.ts'
import { SeededNumbers } from '../chaos/seeded-random.ts'
import { systemClock } from '../host/clock.ts'
import { logLevelsOf, WinstonLoggers } from '../host/logging.ts'
import { systemRandom } from '../host/random.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import { reportReady, untilStopped } from './process-life.ts'
import { type Runnable, serverCommand } from './server-command.ts'

/** Toxiproxy's flags have one dash or two. */
const ONE_DASH = /^-(?=(host|port|config|seed)(=|$))/

export function proxyCommand(io: CliIo): Runnable {
  const command = serverCommand(io, {
    usage: 'proxy [options]',
    description:
      "TCP proxies that delay, cut and spoil what passes. They are driven by Toxiproxy's HTTP API, so\n" +
      'its client libraries work. The file is a JSON list: [{"name": "a", "listen": "127.0.0.1:9192",\n' +
      '"upstream": "127.0.0.1:9092"}].',
    flags: [
      { name: 'host', value: 'address', help: 'where the API listens', fallback: '127.0.0.1' },
      {
        name: 'port',
        value: 'port',
        help: 'where the API listens, 0 for any',
        fallback: String(DEFAULT_API_PORT),
      },
      { name: 'config', value: 'file', help: 'proxies to begin with' },
      { name: 'seed', value: 'number', help: 'makes chance repeatable' },
    ],
    run: (flags) => {
      const seed = flags.last('seed')
      return run(io, {
        host: flags.last('host')!,
        port: wholeNumber(flags.last('port')!, '--port'),
        config: flags.last('config') ?? null,
        seed: seed === undefined ? null : wholeNumber(seed, '--seed'),
      })
    },
  })
  return {
    parseAsync: (words, options) =>
      command.parseAsync(
        words.map((word) => word.replace(ONE_DASH, '--')),
        options,
      ),
  }
}

interface Options {
  readonly host: string
  readonly port: number
  readonly config: string | null
  readonly seed: number | null
}

async function run(io: CliIo, { host, port, config, seed }: Options): Promise<void> {
  const loggers = new WinstonLoggers(logLevelsOf(io.env))
  try {
    const server = await startProxyServer({
      clock: systemClock,
      random: seed === null ? systemRandom : new SeededNumbers(seed),
      log: loggers.get('samsa.proxy'),
      host,
      port,
    })
    if (config !== null) await populate(server, config)
    io.stdout(`samsa proxy: API at http://${host}:${server.port}\n`)
    reportReady({ port: server.port, pid: process.pid })
    await untilStopped()
    await server.close()
    // The channel to a parent would keep the process.
    process.exit(0)
  } catch (error) {
    io.stderr(`samsa proxy: ${(error as Error).message}\n`)
    throw new ExitError(1)
  }
}

/** Toxiproxy logs a failure and goes on; we would rather not run without what was asked for. */
async function populate(server: ProxyServer, file: string): Promise<void> {
  try {
    const { failure } = await server.proxies.populate(JSON.parse(fs.readFileSync(file, 'utf8')))
    if (failure !== null) throw failure
  } catch (error) {
    await server.close()
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}
