/** From the words of a command line to its exit code. */
import { type CliIo, ExitError } from './cli-io.ts'
import { COMMANDS, usage } from './commands.ts'
import { samsaVersion, toolVersion } from './version.ts'

const HELP = new Set(['help', '--help', '-h'])

/** Names people bring along from Kafka and other tools. */
const ALIASES: Readonly<Record<string, string>> = {
  start: 'up',
  'server-start': 'broker',
  'zookeeper-shell': 'zk',
}

export async function runCommand(io: CliIo, words: readonly string[]): Promise<number> {
  const [name, ...args] = words
  if (name === undefined) {
    io.stderr(usage())
    return 1
  }
  if (HELP.has(name) && args[0] !== undefined) return runCommand(io, [args[0], '--help'])
  if (HELP.has(name)) {
    io.stdout(usage())
    return 0
  }
  if (name === '--version') {
    io.stdout(`samsa ${samsaVersion()}\n`)
    return 0
  }
  const entry = COMMANDS.find((command) => command.name === commandName(name))
  if (entry === undefined) {
    io.stderr(`samsa: there is no command '${name}'\n\n${usage()}`)
    return 1
  }
  if (args.includes('--version')) {
    io.stdout(`${toolVersion()}\n`)
    return 0
  }
  try {
    const command = await entry.load(io)
    await command.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof ExitError) return error.exitCode
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    io.stderr(`samsa ${name}: ${detail}\n`)
    return 1
  }
}

/** `kafka-topics.sh` is `topics`. */
function commandName(word: string): string {
  const name = word.replace(/^kafka-/, '').replace(/\.sh$/, '')
  return ALIASES[name] ?? name
}
