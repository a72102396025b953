/** Ranges of message versions as schemas write them: `3+`, `0-4`, `2`, `none`. */

export interface VersionRange {
  readonly min: number
  /** Inclusive; `Infinity` for an open range. */
  readonly max: number
}

export const ALL_VERSIONS: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY }
export const NO_VERSIONS: VersionRange = { min: 1, max: 0 }

export function parseVersionRange(text: string): VersionRange {
  if (text === 'none') return NO_VERSIONS
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`not a version range: ${text}`)
  const min = Number(match[1])
  if (match[2] === '+') return { min, max: Number.POSITIVE_INFINITY }
  return { min, max: match[3] === undefined ? min : Number(match[3]) }
}

export function isInRange(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}
