/** The real world as a command sees it. */
import process from 'node:process'
import type { CliIo } from './cli-io.ts'

export function systemIo(): CliIo {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onOutputError)
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    env: process.env,
    stdin: process.stdin,
  }
}

/** Who reads us may stop reading, as `head` does; that is no failure of ours. */
function onOutputError(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
}
