#!/usr/bin/env node
/** argv in, exit code out. */
import process from 'node:process'
import { type CliIo, ExitError } from './cli/cli-io.ts'
import { COMMANDS, usage } from './cli/commands.ts'

const io: CliIo = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: process.env,
  stdin: process.stdin,
}

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const output = name === undefined ? io.stderr : io.stdout
    output(usage())
    return name === undefined ? 1 : 0
  }
  const entry = COMMANDS.find((command) => command.name === name)
  if (entry === undefined) {
    io.stderr(`samsa: there is no command '${name}'\n\n${usage()}`)
    return 1
  }
  try {
    const command = await entry.load(io)
    await command.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof ExitError) return error.exitCode
    io.stderr(`samsa ${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
    return 1
  }
}
