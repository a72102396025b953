/** Values of flags that are our own, not Kafka's. */
import { UsageError } from './cli-io.ts'

export function wholeNumber(value: string, flag: string): number {
  if (!/^\d+$/.test(value)) throw new UsageError(`${flag} ${value}: expected a whole number`)
  return Number(value)
}
