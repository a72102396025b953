/** Many requests to ZooKeeper at once, but never more than a limit in flight. */

const IN_FLIGHT_LIMIT = 64

/** Results in the order of the items. The first rejection rejects the whole, as `Promise.all`. */
export async function pipelined<T, R>(
  items: readonly T[],
  request: (item: T) => Promise<R>,
  limit = IN_FLIGHT_LIMIT,
): Promise<R[]> {
  const results: R[] = new Array(items.length)
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const at = next++
      results[at] = await request(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}

export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = []
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size))
  return chunks
}
