/** `samsa chaos`: faults from the command line, through the engine of a running dashboard. */
import type { Command } from 'commander'
import type { Clock } from '../base/ports.ts'
import { ChaosApiError, ChaosClient, type FaultList } from '../chaos/chaos-client.ts'
import type { EdgeKind } from '../chaos/cluster-target.ts'
import type { ActiveFault } from '../chaos/engine.ts'
import { FAULT_KINDS, type FaultRequest, isFaultKind } from '../chaos/faults.ts'
import { type Recovery, untilIsrFull } from '../chaos/isr-watch.ts'
import { runSchedule } from '../chaos/random-run.ts'
import { makeSchedule } from '../chaos/schedule.ts'
import { StopSignal } from '../chaos/stop-signal.ts'
import { systemClock } from '../host/clock.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { milliseconds } from './duration.ts'
import { wholeNumber } from './flag-values.ts'
import { untilStopped } from './process-life.ts'
import { collect, PlainError, toolCommand, UsageError } from './tool-command.ts'
import { hasPassed, verdictTable } from './verdict-table.ts'

/** What a test puts in the place of the network and of signals. */
export interface ChaosPorts {
  readonly clock: Clock
  readonly open: (url: string, token: string | null) => ChaosClient
  readonly untilStopped: () => Promise<void>
}

interface Options {
  readonly url: string
  readonly token?: string
  readonly broker?: string
  readonly for?: string
  readonly latency?: string
  readonly jitter?: string
  readonly link?: string[]
  readonly logDir?: string
  readonly random?: true
  readonly seed?: string
  readonly brokersAtOnce: string
}

/** For replicas to catch up once all is healed. */
const RECOVERY_PATIENCE_MS = 60_000
const SHOWN_PARTITIONS = 5
const DEFAULT_RANDOM_FOR = '60s'
const LINKS: readonly EdgeKind[] = ['zookeeper', 'peer', 'client']
const USAGE = `
  list            what is possible, and why something is not; what is active
  FAULT           ${FAULT_KINDS.slice(0, 5).join(', ')},
                  ${FAULT_KINDS.slice(5, 9).join(', ')},
                  ${FAULT_KINDS.slice(9).join(', ')}
  stop ID|all     ends a fault before its time
  --random        a seeded run of faults with the verifier's verdict at the end`

const SYSTEM_PORTS: ChaosPorts = {
  clock: systemClock,
  open: (url, token) => new ChaosClient(url, token),
  untilStopped,
}

export function chaosCommand(io: CliIo, ports: ChaosPorts = SYSTEM_PORTS): Command {
  return toolCommand<Options>(io, {
    name: 'chaos',
    description: `Faults on a cluster that has a dashboard. Every fault ends by itself.\n${USAGE}`,
    options: (command) => {
      command
        .usage('[options] list | FAULT | stop ID | --random')
        .option('--url <url>', 'of the dashboard', 'http://127.0.0.1:8080')
        .option('--token <token>', 'where the dashboard asks for one; else SAMSA_DASHBOARD_TOKEN')
        .option('--broker <id>', 'whom to hurt')
        .option('--for <time>', 'how long: 500ms, 10s, 2m; at most 10m for a fault')
        .option('--latency <ms>', 'of slow')
        .option('--jitter <ms>', 'of slow, up and down')
        .option('--link <kind>', 'of slow: zookeeper, peer or client; may be repeated', collect)
        .option('--log-dir <dir>', "of disk-full: one of the broker's log.dirs; default all")
        .option('--random', 'a run of faults that a seed decides')
        .option('--seed <n>', 'of --random; default a new one')
        .option('--brokers-at-once <n>', 'how many may be harmed at the same time', '1')
    },
    run: async (options, words) => {
      const token = options.token ?? io.env.SAMSA_DASHBOARD_TOKEN ?? null
      const api = ports.open(options.url, token)
      try {
        await act(io, ports, api, options, words)
      } catch (error) {
        if (error instanceof ChaosApiError) throw new PlainError(error.message)
        throw error
      }
    },
  })
}

async function act(
  io: CliIo,
  ports: ChaosPorts,
  api: ChaosClient,
  options: Options,
  words: readonly string[],
): Promise<void> {
  const [word, id, ...rest] = words
  if (options.random === true && word === undefined) return runRandom(io, ports, api, options)
  if (rest.length > 0 || word === undefined || options.random === true) {
    throw new UsageError('One of list, FAULT, stop ID and --random is needed')
  }
  if (word === 'list') return io.stdout(listText(await api.list(), ports.clock.wallMs()))
  if (word === 'stop') return stop(io, api, id)
  if (id !== undefined) throw new UsageError(`${word}: '${id}' is one word too many`)
  const fault = await api.start(requestOf(word, options))
  io.stdout(`${fault.id}  ${fault.detail}\n`)
}

async function stop(io: CliIo, api: ChaosClient, id: string | undefined): Promise<void> {
  if (id === undefined) throw new UsageError('stop: the id of a fault is needed, or all')
  if (id === 'all') await api.endAll()
  else await api.end(id)
  io.stdout(id === 'all' ? 'All faults are over.\n' : `Fault ${id} is over.\n`)
}

function requestOf(kind: string, options: Options): FaultRequest {
  if (!isFaultKind(kind)) {
    throw new UsageError(`There is no fault '${kind}'. One of: ${FAULT_KINDS.join(', ')}`)
  }
  const isZooKeeper = kind === 'stop-zookeeper'
  if (options.broker === undefined && !isZooKeeper) throw new UsageError('--broker is needed')
  const links = options.link?.map((name) => {
    const link = LINKS.find((each) => each === name)
    if (link === undefined) throw new UsageError(`--link is one of ${LINKS.join(', ')}`)
    return link
  })
  const { for: time, latency, jitter } = options
  return {
    kind,
    target: isZooKeeper ? 'zookeeper' : wholeNumber(options.broker!, '--broker'),
    ...(time === undefined ? {} : { forMs: milliseconds(time, '--for') }),
    ...(latency === undefined ? {} : { latencyMs: wholeNumber(latency, '--latency') }),
    ...(jitter === undefined ? {} : { jitterMs: wholeNumber(jitter, '--jitter') }),
    ...(links === undefined ? {} : { links }),
    ...(options.logDir === undefined ? {} : { logDir: options.logDir }),
  }
}

async function runRandom(
  io: CliIo,
  ports: ChaosPorts,
  api: ChaosClient,
  options: Options,
): Promise<void> {
  const forMs = milliseconds(options.for ?? DEFAULT_RANDOM_FOR, '--for')
  const seed =
    options.seed === undefined
      ? Math.floor(ports.clock.wallMs()) % 100_000
      : wholeNumber(options.seed, '--seed')
  const { available } = await api.list()
  const brokersAtOnce = wholeNumber(options.brokersAtOnce, '--brokers-at-once')
  const schedule = makeSchedule({ seed, forMs, options: available, brokersAtOnce })
  const count = schedule.length === 1 ? '1 fault' : `${schedule.length} faults`
  io.stdout(`Seed ${seed}: ${count} in ${forMs / 1000} s.\n`)
  const stopSignal = new StopSignal(ports.clock)
  void ports.untilStopped().then(() => stopSignal.stop())
  const print = (line: string) => io.stdout(`${line}\n`)
  const verdict = await runSchedule({
    api,
    clock: ports.clock,
    stop: stopSignal,
    schedule,
    forMs,
    print,
  })
  const recovery = await untilIsrFull(() => api.state(), ports.clock, RECOVERY_PATIENCE_MS)
  if (verdict !== null) io.stdout(`\n${verdictTable(verdict)}`)
  io.stdout(recoveryText(recovery))
  if (verdict === null || !hasPassed(verdict) || recovery.lacking.length > 0) {
    const atOnce = brokersAtOnce === 1 ? '' : ` --brokers-at-once ${brokersAtOnce}`
    io.stdout(`Again with: samsa chaos --random --seed ${seed} --for ${forMs / 1000}s${atOnce}\n`)
    throw new ExitError(1)
  }
  if (stopSignal.isStopped) throw new ExitError(130)
}

function recoveryText({ tookMs, lacking }: Recovery): string {
  const seconds = (tookMs / 1000).toFixed(1)
  if (lacking.length === 0) return `Every ISR is full, ${seconds} s after the end.\n`
  const shown = lacking.slice(0, SHOWN_PARTITIONS).join('; ')
  const more = lacking.length > SHOWN_PARTITIONS ? ' ...' : ''
  return `Not recovered ${seconds} s after the end: ${shown}${more}\n`
}

function listText({ available, active }: FaultList, nowMs: number): string {
  const width = Math.max(...available.map(({ kind }) => kind.length))
  const possible = available.map(({ kind, targets, reason, defaultForMs }) => {
    const ids = targets.filter((target) => target !== 'zookeeper')
    const on = ids.length > 0 ? `brokers ${ids.join(', ')}` : 'ZooKeeper'
    const time = defaultForMs > 0 ? `, ${defaultForMs / 1000} s unless told` : ''
    const text = targets.length === 0 ? `not possible: ${reason}` : `${on}${time}`
    return `  ${kind.padEnd(width)}  ${text}\n`
  })
  return `Possible:\n${possible.join('')}Active:\n${activeText(active, nowMs)}`
}

function activeText(active: readonly ActiveFault[], nowMs: number): string {
  if (active.length === 0) return '  none\n'
  return active
    .map(({ id, detail, endsAtMs }) => {
      const leftMs = Math.max(0, endsAtMs - nowMs)
      return `  ${id}  ${detail}; ${(leftMs / 1000).toFixed(1)} s left\n`
    })
    .join('')
}
