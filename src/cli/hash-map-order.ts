/**
 * The order in which Java iterates over a `HashMap` of strings. Kafka's tools print in that order
 * here and there, and what compares their output with ours should find the same.
 */

/**
 * `keys` in their order of insertion, without duplicates, into a map made for `capacity` entries.
 */
export function hashMapOrder(keys: readonly string[], capacity: number = keys.length): string[] {
  let buckets = 1
  while (buckets < capacity) buckets *= 2
  while (keys.length > Math.floor(buckets * 0.75)) buckets *= 2
  const bucketOf = (key: string) => spread(hashCode(key)) & (buckets - 1)
  return [...keys].sort((a, b) => bucketOf(a) - bucketOf(b))
}

/** The order of the descriptions of topics that Kafka's admin client hands out. */
export function describedTopicsOrder(names: readonly string[]): string[] {
  const futures = hashMapOrder(names)
  const copied = hashMapOrder(futures, Math.floor(names.length / 0.75 + 1))
  return hashMapOrder(copied)
}

function hashCode(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

function spread(hash: number): number {
  return hash ^ (hash >>> 16)
}
