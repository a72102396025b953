/** The librdkafka load generator: built once from its C source, then run for each measure. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SOURCE = new URL('./librdkafka-load.c', import.meta.url).pathname

export class NoLoadGeneratorError extends Error {
  constructor(cause: unknown) {
    super(
      'the load generator needs a C compiler and librdkafka: apt-get install gcc librdkafka-dev',
      { cause },
    )
    this.name = 'NoLoadGeneratorError'
  }
}

/** Path of the program. Rejects with `NoLoadGeneratorError` where it cannot be built. */
export async function buildLoadGenerator(): Promise<string> {
  const directory = path.join(os.tmpdir(), `samsa-bench-${process.getuid?.() ?? 0}`)
  const program = path.join(directory, 'librdkafka-load')
  fs.mkdirSync(directory, { recursive: true })
  const isFresh =
    fs.existsSync(program) && fs.statSync(program).mtimeMs > fs.statSync(SOURCE).mtimeMs
  if (isFresh) return program
  try {
    await run('cc', ['-O2', '-o', program, SOURCE, '-lrdkafka'])
  } catch (error) {
    throw new NoLoadGeneratorError(error)
  }
  return program
}

export interface ProduceResult {
  readonly records: number
  readonly failed: number
  readonly seconds: number
  readonly mbPerSecond: number
}

export interface ConsumeResult {
  readonly records: number
  /** From the first record to the last. */
  readonly seconds: number
  readonly mbPerSecond: number
  /** From the start of the client: it waits half a second before it looks for the leaders. */
  readonly secondsWithStart: number
}

export interface LatencyResult {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

export interface GapResult {
  readonly records: number
  readonly failed: number
  readonly longestGapMs: number
}

export interface ProduceLoad {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly acks: '1' | 'all'
  readonly codec: 'none' | 'lz4'
}

export class LoadGenerator {
  readonly #program: string
  readonly #bootstrap: string

  constructor(program: string, bootstrap: string) {
    this.#program = program
    this.#bootstrap = bootstrap
  }

  produce(load: ProduceLoad): Promise<ProduceResult> {
    const { topic, records, recordBytes, acks, codec } = load
    return this.#json(['produce', this.#bootstrap, topic, records, recordBytes, acks, codec])
  }

  consume(topic: string, partitions: number, records: number): Promise<ConsumeResult> {
    return this.#json(['consume', this.#bootstrap, topic, partitions, records])
  }

  latency(
    topic: string,
    partitions: number,
    records: number,
    perSecond: number,
  ): Promise<LatencyResult> {
    return this.#json(['latency', this.#bootstrap, topic, partitions, records, perSecond])
  }

  gap(topic: string, seconds: number): Promise<GapResult> {
    return this.#json(['gap', this.#bootstrap, topic, seconds])
  }

  async #json<T>(args: readonly (string | number)[]): Promise<T> {
    const child: ChildProcess = spawn(this.#program, args.map(String), {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    if (output === '') throw new Error(`the load generator ended with ${code} and no result`)
    return JSON.parse(output) as T
  }
}
