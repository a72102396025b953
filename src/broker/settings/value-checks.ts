/** What bounds and lists of words cannot say of a value. Null: nothing is wrong. */

export function gzipLevelProblem(level: unknown): string | null {
  const isLevel = typeof level === 'number' && (level === -1 || (level >= 1 && level <= 9))
  return isLevel ? null : 'Value must be between 1 and 9 or equal to -1'
}

const THROTTLED_REPLICA = /^\d+:\d+$/

export function throttledReplicasProblem(replicas: unknown): string | null {
  const list = Array.isArray(replicas) ? replicas.map((replica) => String(replica)) : []
  const isAll = list.length === 1 && list[0] === '*'
  return isAll || list.every((replica) => THROTTLED_REPLICA.test(replica))
    ? null
    : "{name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
}

/** Versions of Kafka from 0.8 to 3.9, as in `3.9`, `3.9-IV0`, `3.9.1` and `0.11.0`. */
const VERSION = /^(0\.(8\.[0-2]|9\.0|10\.[0-2]|11\.0)|1\.[01]|2\.[0-8]|3\.[0-9])(\.\d+)*(-IV\d)?$/

export function versionProblem(version: unknown): string | null {
  const text = String(version)
  return VERSION.test(text) ? null : `Version ${text} is not a valid version`
}
