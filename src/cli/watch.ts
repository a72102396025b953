/** `samsa watch`: what happens to a cluster, as it happens; every failover with its phases. */
import type { Command } from 'commander'
import type { ClusterEvent } from '../dashboard/history/events.ts'
import { systemClock } from '../host/clock.ts'
import type { CliIo } from './cli-io.ts'
import { untilStopped } from './process-life.ts'
import { PlainError, toolCommand, UsageError } from './tool-command.ts'
import {
  followDashboard,
  observeZooKeeper,
  readHistoryFile,
  type WatchSink,
  type WatchSource,
} from './watch-sources.ts'
import { WatchView } from './watch-view.ts'

/** What a test puts in the place of signals. */
export interface WatchPorts {
  readonly untilStopped: () => Promise<void>
}

interface Options {
  readonly zookeeper?: string
  readonly url?: string
  readonly file?: string
  readonly client: string
  readonly json?: true
}

const DEFAULT_URL = 'http://127.0.0.1:8080'
const DEFAULT_ZOOKEEPER = '127.0.0.1:2181'
const TICK_MS = 250

export function watchCommand(io: CliIo, ports: WatchPorts = { untilStopped }): Command {
  return toolCommand<Options>(io, {
    name: 'watch',
    description:
      'Prints what happens to a cluster as it happens: znodes with their writers, log lines of\n' +
      'brokers, faults; and for every failover a block with its phases in milliseconds.\n' +
      `Without an option: a dashboard at ${DEFAULT_URL}, else ZooKeeper at ${DEFAULT_ZOOKEEPER}.`,
    options: (command) => {
      command
        .option('--zookeeper <host:port[/chroot]>', 'look there directly, without a dashboard')
        .option('--url <url>', 'a dashboard whose history is followed')
        .option('--file <run.jsonl>', 'a history that was exported')
        .option('--client <native|js>', 'for ZooKeeper: native when it loads, else js', 'native')
        .option('--json', 'the events themselves, one JSON object per line')
    },
    run: async (options, args) => {
      if (args.length > 0) throw new UsageError(`There is no argument "${args[0]}"`)
      const chosen = [options.zookeeper, options.url, options.file].filter(
        (each) => each !== undefined,
      )
      if (chosen.length > 1) throw new UsageError('One of --zookeeper, --url and --file is enough')
      if (options.file !== undefined) await replay(io, options.file, options.json === true)
      else await follow(io, ports, options)
    },
  })
}

async function replay(io: CliIo, file: string, isJson: boolean): Promise<void> {
  const view = new WatchView()
  const print = printer(io)
  let isBeginning = true
  for (const event of await readHistoryFile(file)) {
    if (isJson) {
      io.stdout(`${JSON.stringify(event)}\n`)
      continue
    }
    if (isBeginning && !isBackground(event)) {
      isBeginning = false
      print([`${file}: ${view.summary()}`])
    }
    print(view.onEvent(event))
  }
  if (!isJson) print(view.finish())
}

/** What a history begins with: what was there. */
function isBackground(event: ClusterEvent): boolean {
  return event.kind === 'link' || (event.kind === 'znode' && event.change === 'found')
}

async function follow(io: CliIo, ports: WatchPorts, options: Options): Promise<void> {
  const watch = new LiveWatch(io, options.json === true)
  const stopped = ports.untilStopped()
  try {
    const source = await open(options, watch)
    await stopped
    await source.stop()
  } finally {
    watch.stop()
  }
}

async function open({ zookeeper, url, client }: Options, sink: WatchSink): Promise<WatchSource> {
  if (client !== 'native' && client !== 'js') {
    throw new UsageError(`--client is native or js, not '${client}'`)
  }
  if (zookeeper !== undefined) return observeZooKeeper(zookeeper, client, sink)
  const target = URL.parse(url ?? DEFAULT_URL)
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw new UsageError(`--url ${url} is no http address`)
  }
  try {
    return await followDashboard(target.href, sink)
  } catch (error) {
    const reason = `no dashboard at ${target.href}: ${(error as Error).message}`
    if (url !== undefined) throw new PlainError(reason)
    sink.onNotice(`${reason}; looking at ZooKeeper`)
    return observeZooKeeper(DEFAULT_ZOOKEEPER, client, sink)
  }
}

/** Prints what comes; what was before it began only as one line, unless as JSON. */
class LiveWatch implements WatchSink {
  readonly #io: CliIo
  readonly #isJson: boolean
  readonly #print: (lines: readonly string[]) => void
  #view = new WatchView()
  #isLive = false
  #cancelTick: () => void = () => {}

  constructor(io: CliIo, isJson: boolean) {
    this.#io = io
    this.#isJson = isJson
    this.#print = printer(io)
    this.#tick()
  }

  onEvents(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (this.#isJson) this.#io.stdout(`${JSON.stringify(event)}\n`)
      else {
        const lines = this.#view.onEvent(event)
        if (this.#isLive || event.kind === 'link') this.#print(lines)
      }
    }
  }

  onLive(): void {
    if (!this.#isJson && !this.#isLive)
      this.#print([`watching ${this.#view.summary()}; Ctrl-C ends it`])
    this.#isLive = true
  }

  onReset(): void {
    this.#view = new WatchView()
    this.#isLive = false
  }

  onNotice(text: string): void {
    this.#io.stderr(`${text}\n`)
  }

  stop(): void {
    this.#cancelTick()
    if (!this.#isJson && this.#isLive) this.#print(this.#view.finish())
  }

  #tick(): void {
    this.#cancelTick = systemClock.after(TICK_MS, () => {
      if (!this.#isJson && this.#isLive) this.#print(this.#view.onTime(systemClock.wallMs()))
      this.#tick()
    })
  }
}

function printer(io: CliIo): (lines: readonly string[]) => void {
  return (lines) => {
    if (lines.length > 0) io.stdout(`${lines.join('\n')}\n`)
  }
}
