/** Which names a topic may have, in the words of Kafka (`Topic.validate`). */

const LENGTH_MAX = 249
const LEGAL = /^[a-zA-Z0-9._-]+$/
const LEGAL_WORDS = "ASCII alphanumerics, '.', '_' and '-'"

/** Null when legal, else the whole message. */
export function topicNameProblem(name: string): string | null {
  const why = illegality(name)
  return why === null ? null : `Topic name is invalid: ${why}`
}

function illegality(name: string): string | null {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.') return "'.' is not allowed"
  if (name === '..') return "'..' is not allowed"
  if (name.length > LENGTH_MAX) {
    return `the length of '${name}' is longer than the max allowed length ${LENGTH_MAX}`
  }
  if (LEGAL.test(name)) return null
  return `'${name}' contains one or more characters other than ${LEGAL_WORDS}`
}

/** Metric names do not tell `.` from `_`: topics that differ only there collide. */
export function collidingTopics(name: string, existing: readonly string[]): string[] {
  if (!name.includes('.') && !name.includes('_')) return []
  const folded = name.replaceAll('.', '_')
  return existing.filter((other) => other !== name && other.replaceAll('.', '_') === folded)
}
