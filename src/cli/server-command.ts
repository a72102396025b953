/**
 * A command that runs a server. Its few flags need no parser of their own: each process of a cluster
 * pays for what it loads, in time at its start and in memory for as long as it lives.
 */
import { parseArgs } from 'node:util'
import { type CliIo, ExitError, UsageError } from './cli-io.ts'

export interface Runnable {
  parseAsync(words: readonly string[], options: { readonly from: 'user' }): Promise<unknown>
}

export interface ServerFlag {
  readonly name: string
  /** What stands after it: `port`. */
  readonly value: string
  readonly help: string
  readonly fallback?: string
}

export interface ServerSpec {
  /** `broker [server.properties]`. */
  readonly usage: string
  readonly description: string
  /** All may be repeated; where one value is wanted, the last counts. */
  readonly flags: readonly ServerFlag[]
  readonly run: (flags: FlagValues, words: readonly string[]) => Promise<void>
}

export interface FlagValues {
  all(name: string): readonly string[]
  last(name: string): string | undefined
}

export function serverCommand(io: CliIo, spec: ServerSpec): Runnable {
  return {
    async parseAsync(words) {
      if (words.includes('--help') || words.includes('-h')) {
        io.stdout(helpText(spec))
        return
      }
      try {
        const { flags, rest } = parse(spec, words)
        await spec.run(flags, rest)
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        io.stderr(`${error.message}\n\n${helpText(spec)}`)
        throw new ExitError(1)
      }
    },
  }
}

function parse(spec: ServerSpec, words: readonly string[]) {
  const options = Object.fromEntries(
    spec.flags.map(({ name }) => [name, { type: 'string', multiple: true } as const]),
  )
  try {
    const parsed = parseArgs({ args: [...words], options, allowPositionals: true })
    const all = (name: string): readonly string[] => parsed.values[name] ?? []
    const fallback = (name: string) => spec.flags.find((flag) => flag.name === name)?.fallback
    const last = (name: string) => all(name).at(-1) ?? fallback(name)
    return { flags: { all, last }, rest: parsed.positionals }
  } catch (error) {
    throw new UsageError(complaint(error as NodeJS.ErrnoException))
  }
}

/** In the words of Kafka's tools. */
function complaint({ message }: Error): string {
  const unknown = /^Unknown option '-*([^' ]+)/.exec(message)
  if (unknown !== null) return `${unknown[1]} is not a recognized option`
  const missing = /^Option '--([\w-]+)[^']*' argument missing/.exec(message)
  if (missing !== null) return `Option ${missing[1]} requires an argument`
  return message
}

function helpText({ usage, description, flags }: ServerSpec): string {
  const rows = flags.map(({ name, value, help, fallback }) => [
    `--${name} <${value}>`,
    fallback === undefined ? help : `${help} (default: ${fallback})`,
  ])
  rows.push(['-h, --help', 'this text'])
  const width = Math.max(...rows.map(([flag = '']) => flag.length))
  const lines = rows.map(([flag = '', help]) => `  ${flag.padEnd(width)}  ${help}\n`)
  return `Usage: ${usage}\n\n${description}\n\nOptions:\n${lines.join('')}`
}
