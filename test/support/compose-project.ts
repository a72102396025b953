/** The real compose file under a project name of its own, for tests from outside. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { until } from './until.ts'

const ROOT = path.join(import.meta.dirname, '../..')

export interface RunOptions {
  /** What it reads; null: the caller writes it. */
  readonly input?: string | null
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const DEFAULT_TIMEOUT_MS = 60_000

export function start(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

export async function finish(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  { input = '', timeoutMs = DEFAULT_TIMEOUT_MS }: RunOptions = {},
): Promise<Finished> {
  const closed = once(child, 'close')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdin.on('error', () => {})
  if (input !== null) child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = await closed
  clearTimeout(timer)
  return { code, stdout, stderr }
}

/** Whatever its exit code is. */
export function tryRun(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return finish(start(words, options.env), options)
}

/** What it wrote to stdout; fails when the exit code is not 0. */
export async function run(words: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(words, options)
  assert.equal(code, 0, `${words.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`)
  return stdout
}

function works(...[command = '', ...args]: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0
}

/** Compose as it is installed, v2 before v1, or why there is none. COMPOSE_COMMAND chooses. */
export function findCompose(): { command: readonly string[] } | { missing: string } {
  if (!works('docker', 'info')) return { missing: 'no container engine answers here' }
  const chosen = process.env.COMPOSE_COMMAND?.split(' ')
  const candidates = chosen === undefined ? [['docker', 'compose'], ['docker-compose']] : [chosen]
  const command = candidates.find((words) => works(...words, 'version'))
  return command === undefined ? { missing: 'Compose is not installed' } : { command }
}

export function hasProgram(name: string): boolean {
  return works('sh', '-c', `command -v ${name}`)
}

export interface ProjectOptions {
  readonly compose: readonly string[]
  readonly name: string
  readonly envFile?: string
  readonly env: Readonly<Record<string, string>>
}

export class ComposeProject {
  readonly name: string
  readonly #words: readonly string[]
  readonly #env: Readonly<Record<string, string>>

  constructor({ compose, name, envFile, env }: ProjectOptions) {
    this.name = name
    const file = envFile === undefined ? [] : ['--env-file', envFile]
    this.#words = [...compose, ...file, '-p', name]
    this.#env = env
  }

  get network(): string {
    return `${this.name}_default`
  }

  compose(words: readonly string[], options: RunOptions = {}): Promise<string> {
    return run([...this.#words, ...words], { ...options, env: this.#env })
  }

  tryCompose(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return tryRun([...this.#words, ...words], { ...options, env: this.#env })
  }

  exec(service: string, words: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.compose(['exec', '-T', service, ...words], options)
  }

  async containerOf(service: string): Promise<string> {
    const id = await run([
      'docker',
      'ps',
      '-aq',
      ...['--filter', `label=com.docker.compose.project=${this.name}`],
      ...['--filter', `label=com.docker.compose.service=${service}`],
    ])
    assert.notEqual(id.trim(), '', `there is no container of ${service}`)
    return id.trim()
  }

  /** A field of `docker inspect`, as a Go template shows it. */
  async inspect(service: string, template: string): Promise<string> {
    const container = await this.containerOf(service)
    return (await run(['docker', 'inspect', '-f', template, container])).trim()
  }

  async untilHealthy(services: readonly string[], timeoutMs: number): Promise<void> {
    for (const service of services) {
      const container = await this.containerOf(service)
      let health = ''
      await until(
        `${service} is healthy`,
        async () => {
          const template = '{{.State.Status}} {{.State.Health.Status}}'
          health = (await run(['docker', 'inspect', '-f', template, container])).trim()
          return health === 'running healthy'
        },
        { deadlineMs: timeoutMs, lookEveryMs: 300 },
      ).catch(async (error: Error) => {
        const { stdout, stderr } = await tryRun(['docker', 'logs', '--tail', '30', container])
        throw new Error(`${error.message}; it is ${health}\n${stdout}${stderr}`)
      })
    }
  }

  /** Containers, networks and volumes; nothing is left of the project. */
  async remove(): Promise<void> {
    await this.tryCompose(['down', '-v', '--remove-orphans'], { timeoutMs: 120_000 })
  }
}
