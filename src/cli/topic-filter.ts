/**
 * The pattern with which Kafka's tools choose topics: a regular expression for the whole name,
 * where a comma means "or" and spaces and quotes around it do not count.
 */

const INTERNAL_TOPICS = ['__consumer_offsets', '__transaction_state']

export function topicFilter(pattern: string): (topic: string) => boolean {
  const expression = pattern
    .trim()
    .replaceAll(',', '|')
    .replaceAll(' ', '')
    .replace(/^["']+/, '')
    .replace(/["']+$/, '')
  let regex: RegExp
  try {
    regex = new RegExp(`^(?:${expression})$`)
  } catch {
    throw new Error(`${expression} is an invalid regex.`)
  }
  return (topic) => regex.test(topic)
}

export function isInternalTopic(topic: string): boolean {
  return INTERNAL_TOPICS.includes(topic)
}
