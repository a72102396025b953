/**
 * Log lines out of the bytes of a broker's event stream: one JSON object per line. What is no such
 * line is left out, what is too long is cut off, and a reconnection repeats nothing.
 */

export interface StreamedLine {
  readonly atMs: number
  readonly level: string
  readonly logger: string
  readonly message: string
}

export const LINE_CHARACTERS_MAX = 64 * 1024
export const MESSAGE_CHARACTERS_MAX = 4_000
const NAME_CHARACTERS_MAX = 200
const OBSERVER_LOGGER = 'samsa.Observer'

/** Splits a stream of bytes into lines. */
export class LineSplitter {
  readonly #decoder = new TextDecoder()
  #rest = ''
  #isSkipping = false

  push(chunk: Uint8Array): string[] {
    const pieces = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n')
    this.#rest = pieces.pop()!
    // Only a first piece can belong to a line that grew too long before.
    if (this.#isSkipping && pieces.length > 0) {
      pieces.shift()
      this.#isSkipping = false
    }
    if (this.#isSkipping || this.#rest.length > LINE_CHARACTERS_MAX) {
      this.#isSkipping = true
      this.#rest = ''
    }
    return pieces.filter(({ length }) => length > 0 && length <= LINE_CHARACTERS_MAX)
  }
}

/** Null when it is none. */
export function parseStreamedLine(text: string, nowMs: number): StreamedLine | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const { atMs, level, logger, message, dropped } = Object(value) as Record<string, unknown>
  if (typeof dropped === 'number') {
    return warning(nowMs, `${dropped} lines of this broker's log came too fast to be sent`)
  }
  if (typeof atMs !== 'number' || !Number.isFinite(atMs)) return null
  if (typeof level !== 'string' || typeof logger !== 'string' || typeof message !== 'string') {
    return null
  }
  return {
    atMs,
    level: level.slice(0, NAME_CHARACTERS_MAX),
    logger: logger.slice(0, NAME_CHARACTERS_MAX),
    message: message.slice(0, MESSAGE_CHARACTERS_MAX),
  }
}

export function warning(atMs: number, message: string): StreamedLine {
  return { atMs, level: 'WARN', logger: OBSERVER_LOGGER, message }
}

/** The last lines that a broker sends to everyone who connects are new only once. */
export class SeenLines {
  #newestMs = Number.NEGATIVE_INFINITY
  /** Those of that time. */
  readonly #atNewest = new Set<string>()
  #isRepeating = false

  onConnected(): void {
    this.#isRepeating = true
  }

  isNew(line: StreamedLine, text: string): boolean {
    const isKnown =
      line.atMs < this.#newestMs || (line.atMs === this.#newestMs && this.#atNewest.has(text))
    if (this.#isRepeating && isKnown) return false
    this.#isRepeating = false
    if (line.atMs > this.#newestMs) {
      this.#newestMs = line.atMs
      this.#atNewest.clear()
    }
    if (line.atMs === this.#newestMs) this.#atNewest.add(text)
    return true
  }
}
