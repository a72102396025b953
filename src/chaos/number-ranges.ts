/**
 * A set of whole numbers as ranges, so that a million neighbours cost what one does. With more than
 * `limit` ranges the lowest is forgotten.
 */

interface Range {
  /** Both inclusive. */
  first: number
  last: number
}

export class NumberRanges {
  readonly #limit: number
  /** Ascending, with at least one number between two of them. */
  readonly #ranges: Range[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get rangeCount(): number {
    return this.#ranges.length
  }

  has(number: number): boolean {
    const range = this.#ranges[this.#indexOf(number)]
    return range !== undefined && range.first <= number
  }

  add(number: number): void {
    const at = this.#indexOf(number)
    const above = this.#ranges[at]
    if (above !== undefined && above.first <= number) return
    const below = this.#ranges[at - 1]
    const joinsBelow = below?.last === number - 1
    const joinsAbove = above?.first === number + 1
    if (joinsBelow && joinsAbove) {
      below.last = above.last
      this.#ranges.splice(at, 1)
    } else if (joinsBelow) {
      below.last = number
    } else if (joinsAbove) {
      above.first = number
    } else {
      this.#ranges.splice(at, 0, { first: number, last: number })
      if (this.#ranges.length > this.#limit) this.#ranges.shift()
    }
  }

  /** Whether it was there. */
  delete(number: number): boolean {
    const at = this.#indexOf(number)
    const range = this.#ranges[at]
    if (range === undefined || range.first > number) return false
    const parts = [
      { first: range.first, last: number - 1 },
      { first: number + 1, last: range.last },
    ].filter(({ first, last }) => first <= last)
    this.#ranges.splice(at, 1, ...parts)
    return true
  }

  /** Of the first range that does not end before the number. */
  #indexOf(number: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.last < number) low = middle + 1
      else high = middle
    }
    return low
  }
}
