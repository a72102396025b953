/**
 * What the tools that stand in for Kafka's have in common: options as Kafka's own parser takes
 * them, its sentences for wrong usage, exit code 1 for every failure.
 */

import { Command, CommanderError } from 'commander'
import { type CliIo, ExitError, PlainError, UsageError } from './cli-io.ts'

export { PlainError, UsageError }

export interface ToolSpec<Options> {
  readonly name: string
  readonly description: string
  /** Adds the options. */
  readonly options: (command: Command) => void
  readonly run: (options: Options, args: readonly string[]) => Promise<void>
}

/** A command whose `run` may throw `UsageError` and `PlainError`. */
export function toolCommand<Options>(io: CliIo, spec: ToolSpec<Options>): Command {
  const command = new Command(spec.name)
    .description(spec.description)
    .allowExcessArguments()
    .configureOutput({
      writeOut: (text) => io.stdout(text),
      writeErr: (text) => io.stderr(text),
      outputError: (text, write) => write(kafkaWording(text)),
    })
    .exitOverride((error) => {
      throw error instanceof CommanderError ? new ExitError(error.exitCode) : error
    })
  spec.options(command)
  return command.action(async (options: Options) => {
    try {
      await spec.run(options, command.args)
    } catch (error) {
      if (error instanceof UsageError) io.stderr(`${error.message}\n${command.helpInformation()}`)
      else if (error instanceof PlainError) io.stderr(`${error.message}\n`)
      else throw error
      throw new ExitError(1)
    }
  })
}

/** For an option that may stand several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value]
}

/** The value of an option that takes a whole number. */
export function parseInteger(value: string, option: string): number {
  if (!/^[+-]?\d+$/.test(value)) {
    throw new Error(`Cannot parse argument '${value}' of option ${option}`)
  }
  return Number(value)
}

type Given = Readonly<Record<string, unknown>>

/** The options that must be there, by their flag. */
export function checkRequired(options: Given, flags: readonly string[]): void {
  for (const flag of flags) {
    if (options[attributeOf(flag)] === undefined) {
      throw new UsageError(`Missing required argument "[${flag}]"`)
    }
  }
}

/** Options that cannot stand together with `used`. */
export function checkInvalid(options: Given, used: string, invalid: readonly string[]): void {
  if (options[attributeOf(used)] === undefined) return
  for (const flag of invalid) {
    if (options[attributeOf(flag)] !== undefined) {
      throw new UsageError(`Option "[${used}]" can't be used with option "[${flag}]"`)
    }
  }
}

/** A line of the log that Kafka's tools keep on stderr. */
export function logError(io: CliIo, source: string, text: string): void {
  const now = new Date()
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0')
  io.stderr(`[${date} ${time},${milliseconds}] ERROR ${text} (${source})\n`)
}

/** `--if-not-exists` as commander stores it: `ifNotExists`. */
function attributeOf(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function kafkaWording(text: string): string {
  const unknown = /^error: unknown option '--?([^']+)'/.exec(text)
  if (unknown !== null) return `${unknown[1]} is not a recognized option\n`
  const missing = /^error: option '--([\w-]+)[^']*' argument missing/.exec(text)
  if (missing !== null) return `Option ${missing[1]} requires an argument\n`
  return text
}
