/**
 * The `.lock` of a log directory. Kafka holds an `fcntl` lock on it, which Node cannot take by itself,
 * but SQLite, which comes with Node, takes one on a database file while a transaction is exclusive. It
 * excludes a JVM both ways, works across containers, and the kernel drops it however we die. Nothing is
 * written: the file stays empty, as Kafka leaves it.
 */
import { DatabaseSync } from 'node:sqlite'

const SQLITE_BUSY = 5

/** Keeps the databases from the garbage collector, which would close them. */
const HELD = new Set<DatabaseSync>()

/** Null when it is held: by another process, or by someone else in this one. */
export function takeLock(path: string): (() => void) | null {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout=0; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null
    throw error
  }
  HELD.add(database)
  return () => {
    if (HELD.delete(database)) database.close()
  }
}
