/** `500ms`, `10s`, `2m`, `1h`. */
import { UsageError } from './cli-io.ts'

const MS_OF: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

export function milliseconds(value: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value)
  if (match === null) {
    throw new UsageError(`${flag} ${value}: expected a time such as 500ms, 10s, 2m or 1h`)
  }
  return Math.round(Number(match[1]) * MS_OF[match[2]!]!)
}
