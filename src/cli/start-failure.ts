/** Why a server could not start, in one line for people, and what they can do about it. */
import process from 'node:process'
import { DiskError } from '../base/ports.ts'

/** Mistakes of ours, which are of no use without their stack. */
const BUGS = new Set(['AssertionError', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])

export function isBug(error: Error): boolean {
  return BUGS.has(error.name)
}

/** Null when the message says it all. */
export function hintFor(error: Error): string | null {
  if (error.name === 'ZkStartError') {
    return 'Does ZooKeeper run where zookeeper.connect says? `echo srvr | nc HOST PORT` asks it.'
  }
  const disk = error instanceof DiskError ? error : error.cause
  if (disk instanceof DiskError) {
    if (disk.code === 'NO_SPACE') return 'Make room on that volume, then start again.'
    const user = process.getuid === undefined ? 'this user' : `user ${process.getuid()}`
    return `Each directory of log.dirs must be one that ${user} can make and write.`
  }
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'Is the path right?'
  return isBug(error) ? 'This is a mistake in the program; its log has the details.' : null
}
