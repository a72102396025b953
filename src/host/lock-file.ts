/**
 * The `.lock` of a log directory. Node has no `fcntl` locks, so our own processes exclude each other
 * by a sidecar file that names the holder, and a lock that a JVM holds on the file is found in
 * `/proc/locks` on Linux.
 */
import fs from 'node:fs'
import process from 'node:process'

/** Null when a living process holds the lock. */
export function takeLock(path: string): (() => void) | null {
  fs.closeSync(fs.openSync(path, 'a', 0o644))
  if (isHeldByForeignLock(path)) return null
  const holderPath = `${path}.pid`
  const identity = `${process.pid} ${startTimeOf(process.pid)}`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      fs.writeFileSync(holderPath, identity, { flag: 'wx', mode: 0o644 })
      return () => fs.rmSync(holderPath, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (isAlive(readHolder(holderPath))) return null
    fs.rmSync(holderPath, { force: true })
  }
  return null
}

function readHolder(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** A pid alone may have been given to another process since; its start time tells. */
function isAlive(holder: string): boolean {
  const [pidText = '', started = ''] = holder.split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return startTimeOf(pid) === started
}

/** Clock ticks since boot at which a process started; empty where there is no `/proc`. */
function startTimeOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Fields after the command name, which is in parentheses and may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function isHeldByForeignLock(path: string): boolean {
  let locks: string
  try {
    locks = fs.readFileSync('/proc/locks', 'utf8')
  } catch {
    return false
  }
  const { ino } = fs.statSync(path)
  return locks
    .split('\n')
    .some((line) => line.includes('POSIX') && line.split(/\s+/)[5]?.endsWith(`:${ino}`))
}
