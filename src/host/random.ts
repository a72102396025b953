/** Real chance. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from '../base/ports.ts'

export const systemRandom: Random = {
  nextInt: (bound) => randomInt(bound),
  bytes: (length) => randomBytes(length),
}
