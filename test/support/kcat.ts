/** kcat as a writer that goes on through failovers. */
import assert from 'node:assert/strict'
import { finish, start } from './compose-project.ts'
import { until } from './until.ts'

/** For networks that only containers are in. */
export const KCAT_DOCKERFILE = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends kcat && rm -rf /var/lib/apt/lists/*
`

/** acks=all, one request at a time so that retries cannot change the order. */
const SAFE = ['-X', 'acks=all', '-X', 'max.in.flight=1', '-X', 'message.timeout.ms=120000']
const LINE_EVERY_MS = 5

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at}`)
}

export class KcatWriter {
  /** Once `end` has resolved, all of them were acknowledged. */
  readonly written: string[] = []
  readonly #child: ReturnType<typeof start>
  readonly #ended: ReturnType<typeof finish>
  readonly #timer: NodeJS.Timeout

  constructor(kcat: readonly string[]) {
    this.#child = start([...kcat, ...SAFE])
    this.#ended = finish(this.#child, { input: null, timeoutMs: 600_000 })
    this.#timer = setInterval(() => {
      const value = `value-${this.written.length}`
      this.written.push(value)
      this.#child.stdin.write(`${value}\n`)
    }, LINE_EVERY_MS)
  }

  /** So many more lines. */
  async writes(count: number): Promise<void> {
    const goal = this.written.length + count
    await until(`${goal} lines are written`, () => this.written.length >= goal)
  }

  /** Waits until kcat has an acknowledgement for each. */
  async end(): Promise<void> {
    clearInterval(this.#timer)
    this.#child.stdin.end()
    const { code, stdout, stderr } = await this.#ended
    assert.equal(code, 0, `kcat: exit code ${code}\n${stdout}\n${stderr}`)
  }

  /** Also when it has ended. */
  kill(): void {
    clearInterval(this.#timer)
    this.#child.kill('SIGKILL')
  }
}
