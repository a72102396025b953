/**
 * What was read of one partition in a few numbers, so that a second reading can be held against the
 * first: a log below its high watermark never changes.
 */

export interface DigestSum {
  readonly count: number
  readonly sum: number
}

export class ReadDigest {
  #count = 0
  #sum = 0

  add(number: number, offset: number): void {
    this.#count += 1
    let mixed = Math.imul(number ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(offset, 0xc2b2ae35)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x21f0aaad)
    this.#sum = (this.#sum + (mixed ^ (mixed >>> 13))) >>> 0
  }

  get value(): DigestSum {
    return { count: this.#count, sum: this.#sum }
  }
}

/** At least so many records of the first reading were not there, or not the same, at the second. */
export function vanishedBetween(first: DigestSum, second: DigestSum): number {
  if (second.count < first.count) return first.count - second.count
  return second.count === first.count && second.sum !== first.sum ? 1 : 0
}
