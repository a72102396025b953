/** Types the commands of a guide, on a cluster of its own, and compares what they answer. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { checkPorts } from '../../src/devcluster/ports.ts'
import { answers, type GuideStep, typed } from './guide-text.ts'
import { until } from './until.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const MAIN = path.join(ROOT, 'src/main.ts')
/** Where packages put what is not on the path. */
const MORE_PATHS = ['/usr/share/zookeeper/bin']
/** What only looks is repeated until it sees what the guide says. */
const LOOKS =
  /^(samsa (zk|topics .*--describe|watch --file)|kcat -C|.*\bzkCli\.sh|.*dashboard$|grep )/
const PATIENCE_MS = 60_000
/** Compose may build the image first. */
const COMMAND_MS = 600_000
const PROGRAMS = ['kcat', 'zkCli.sh', 'curl', 'seq', 'grep']

/** As the guide has them; the test's own are elsewhere. */
const GUIDE_PORTS = [2181, 9092, 9093, 9094, 8080, 8081] as const

/** Why a step cannot be run here; null: it can. */
export function missingFor({ command }: GuideStep): string | null {
  const words = command.split(/[\s|]+/)
  if (words[0] === 'docker') return 'with containers: npm run test:e2e'
  const missing = PROGRAMS.find((name) => words.includes(name) && find(name) === null)
  return missing === undefined ? null : `${missing} is not installed`
}

function find(program: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...MORE_PATHS]
  const files = folders.map((folder) => path.join(folder, program))
  return files.find((file) => fs.existsSync(file)) ?? null
}

/** Ports that are free, and not among those that any connection may be given. */
async function portsFrom(first: number): Promise<number[]> {
  for (let base = first; ; base += GUIDE_PORTS.length) {
    const ports = GUIDE_PORTS.map((_, at) => base + at)
    const wanted = ports.map((port) => ({ name: 'the guide', port, flag: '' }))
    const areFree = checkPorts('127.0.0.1', wanted).then(
      () => true,
      () => false,
    )
    if (await areFree) return ports
  }
}

/** Where the guide has `docker compose`. */
export interface ComposeHere {
  readonly words: readonly string[]
  /** A project of its own. */
  readonly project: string
  readonly env: Readonly<Record<string, string>>
}

interface Running {
  readonly step: GuideStep
  readonly child: ChildProcess
  stdout: string
  stderr: string
}

/** One reader of the guide with the terminals that he has open. */
export class GuideReader {
  readonly #directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-guide-'))
  readonly #ports: ReadonlyMap<number, number>
  readonly #compose: ComposeHere | null
  readonly #variables = new Map<string, string>()
  readonly #open: Running[] = []
  #cluster: Running | null = null
  /** All answers so far, the newest last. */
  readonly #seen: string[] = []

  private constructor(ports: readonly number[], compose: ComposeHere | null) {
    this.#compose = compose
    this.#ports = new Map(GUIDE_PORTS.map((port, at) => [port, ports[at]!]))
  }

  /** Readers in one process need different `number`s. */
  static async begin(number: number, compose: ComposeHere | null = null): Promise<GuideReader> {
    const ports = await portsFrom(14_000 + number * 500 + (process.pid % 1000) * 6)
    return new GuideReader(ports, compose)
  }

  async follow(step: GuideStep): Promise<void> {
    const command = typed(step)
    const assigned = /^(\w+)=\d+$/.exec(command)?.[1]
    if (assigned !== undefined) this.#variables.set(assigned, this.#valueOf(assigned))
    else if (command.startsWith('npm start')) await this.#startCluster(step, command)
    else if (step.runsOn) await this.#leaveRunning(step, command)
    else await this.#run(step, command)
  }

  /** What was left running must have shown what the guide says. */
  async endSection(): Promise<void> {
    for (const running of this.#open) {
      await this.#untilAnswered(running)
      await stop(running.child)
    }
    this.#open.length = 0
  }

  async end(): Promise<void> {
    for (const { child } of this.#open.splice(0)) await stop(child)
    if (this.#cluster !== null) await stop(this.#cluster.child)
    fs.rmSync(this.#directory, { recursive: true, force: true })
  }

  /** The reader takes it from what was seen last. */
  #valueOf(name: string): string {
    const ids = this.#seen.flatMap((text) => /"brokerid":(\d+)/.exec(text)?.[1] ?? [])
    const rows = [...(this.#seen.at(-1) ?? '').matchAll(/Partition: (\d+)\s+Leader: (\d+)/g)]
    const controller = this.#variables.get('controller')
    const row = rows.find(([, , leader]) => leader !== controller)
    const follower = ['1', '2', '3'].find((id) => id !== controller && id !== rows[0]?.[2])
    const values = { controller: ids.at(-1), partition: row?.[1], leader: row?.[2], follower }
    const value = values[name as keyof typeof values]
    assert.ok(value, `nothing was seen that ${name} could be`)
    return value
  }

  #port(port: number): number {
    return this.#ports.get(port)!
  }

  /** The same command on our ports, and with the program of this clone. */
  #here(command: string): string {
    const page = `--url http://127.0.0.1:${this.#port(8080)}`
    // Inside a container all ports are those of the guide.
    if (this.#compose !== null) return this.#inCompose(this.#compose, command)
    const moved = command
      .replace(/(localhost:|127\.0\.0\.1:|--port )(\d+)/g, (all, before, port) => {
        const ours = this.#ports.get(Number(port))
        return ours === undefined ? all : `${before}${ours}`
      })
      .replace(/^samsa zk\b/, `samsa zk --zookeeper 127.0.0.1:${this.#port(2181)}`)
      .replace(/^samsa chaos\b/, `samsa chaos ${page}`)
      .replace(/^samsa watch(?! --file)/, `samsa watch ${page}`)
    return moved.replace(/^samsa (?=[a-z])/, `"${process.execPath}" "${MAIN}" `)
  }

  #inCompose({ words, project }: ComposeHere, command: string): string {
    return command.replace(/^docker compose (exec)?/, (_, exec) =>
      [...words, '-p', project, exec === undefined ? '' : 'exec -T'].join(' '),
    )
  }

  /** What was printed, with the ports of the guide. */
  #asInGuide(output: string): string {
    let text = output
    for (const [theirs, ours] of this.#ports) {
      text = text.replaceAll(new RegExp(`\\b${ours}\\b`, 'g'), String(theirs))
    }
    return text
  }

  #start(step: GuideStep, line: string): Running {
    const variables = [...this.#variables].map(([name, value]) => `${name}=${value}; `).join('')
    const child = spawn('bash', ['-c', `set -o pipefail; ${variables}${line}`], {
      cwd: this.#compose === null ? this.#directory : ROOT,
      env: {
        ...process.env,
        PATH: [process.env.PATH, ...MORE_PATHS].join(path.delimiter),
        ...this.#composeEnvironment(),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const running: Running = { step, child, stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      running.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      running.stderr += text
    })
    return running
  }

  #composeEnvironment(): Readonly<Record<string, string>> {
    if (this.#compose === null) return {}
    return {
      ...this.#compose.env,
      KAFKA_1_PORT: `${this.#port(9092)}`,
      KAFKA_2_PORT: `${this.#port(9093)}`,
      KAFKA_3_PORT: `${this.#port(9094)}`,
      DASHBOARD_PORT: `${this.#port(8080)}`,
    }
  }

  async #startCluster(step: GuideStep, command: string): Promise<void> {
    const settings = command.replace(/^npm start( --)?/, '')
    const ports =
      `--port ${this.#port(9092)} --zookeeper-port ${this.#port(2181)} ` +
      `--dashboard-port ${this.#port(8080)}`
    const program = `exec "${process.execPath}" "${MAIN}" up`
    this.#cluster = this.#start(step, `${program} ${settings} ${ports}`)
    await this.#untilAnswered(this.#cluster)
    this.#seen.push(this.#cluster.stdout)
  }

  async #leaveRunning(step: GuideStep, command: string): Promise<void> {
    const running = this.#start(step, `exec ${this.#here(command)}`)
    this.#open.push(running)
    await until(`${command} says something`, () => running.stdout !== '', {
      deadlineMs: PATIENCE_MS,
    })
  }

  async #run(step: GuideStep, command: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const running = this.#start(step, this.#here(command))
      const timer = setTimeout(() => void stop(running.child), COMMAND_MS)
      const [code] = await once(running.child, 'close')
      clearTimeout(timer)
      this.#seen.push(running.stdout)
      // A terminal shows both; what a command that does well says beside its answer is no matter.
      if (code !== 0) running.stdout += running.stderr
      if (this.#isAnswered(running)) return
      if (!LOOKS.test(command) || performance.now() > deadline) {
        assert.fail(this.#report(running, `exit code ${code}`))
      }
    }
  }

  #isAnswered({ step, stdout }: Running): boolean {
    return answers(step.expected, this.#asInGuide(stdout))
  }

  async #untilAnswered(running: Running): Promise<void> {
    await until('the answer', () => this.#isAnswered(running) || running.child.exitCode !== null, {
      deadlineMs: PATIENCE_MS,
      lookEveryMs: 20,
    }).catch(() => {})
    if (!this.#isAnswered(running)) assert.fail(this.#report(running, 'in vain waited'))
  }

  #report({ step, stdout, stderr }: Running, how: string): string {
    const { line, command, expected } = step
    const variables = [...this.#variables].map(([name, value]) => `${name}=${value}`).join(' ')
    return [
      `line ${line}: $ ${command}  (${how}; ${variables})`,
      '--- the guide says',
      ...expected,
      '--- the answer was',
      this.#asInGuide(stdout).slice(-6_000),
      `--- npm start\n${this.#cluster?.stderr ?? ''}`,
      `--- stderr\n${stderr.slice(-2_000)}`,
      ...this.#logs(),
    ].join('\n')
  }

  #logs(): string[] {
    const folder = path.join(this.#directory, '.samsa/logs')
    if (!fs.existsSync(folder)) return []
    return fs.readdirSync(folder).map((name) => {
      const text = fs.readFileSync(path.join(folder, name), 'utf8')
      return `--- ${name}\n${text.split('\n').slice(-25).join('\n')}`
    })
  }
}

/** As Ctrl-C does. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  process.kill(-child.pid!, 'SIGINT')
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 10_000)
  await closed
  clearTimeout(timer)
}
