/**
 * How the console producer makes records out of lines: the properties of Kafka's
 * `LineMessageReader`.
 */

export interface LineRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [key: string, value: string | null])[]
}

type Properties = ReadonlyMap<string, string>

export class LineReader {
  readonly #parseKey: boolean
  readonly #parseHeaders: boolean
  readonly #ignoreError: boolean
  readonly #keySeparator: string
  readonly #headersDelimiter: string
  readonly #headersSeparator: string
  readonly #headersKeySeparator: string
  readonly #nullMarker: string | null
  #lineNumber = 0

  constructor(properties: Properties) {
    const isTrue = (key: string) => properties.get(key)?.trim().toLowerCase() === 'true'
    this.#parseKey = isTrue('parse.key')
    this.#parseHeaders = isTrue('parse.headers')
    this.#ignoreError = isTrue('ignore.error')
    this.#keySeparator = properties.get('key.separator') ?? '\t'
    this.#headersDelimiter = properties.get('headers.delimiter') ?? '\t'
    this.#headersSeparator = properties.get('headers.separator') ?? ','
    this.#headersKeySeparator = properties.get('headers.key.separator') ?? ':'
    this.#nullMarker = properties.get('null.marker') ?? null
    checkDifferent([
      ['headers.delimiter', this.#headersDelimiter, 'headers.separator', this.#headersSeparator],
      [
        'headers.delimiter',
        this.#headersDelimiter,
        'headers.key.separator',
        this.#headersKeySeparator,
      ],
      [
        'headers.separator',
        this.#headersSeparator,
        'headers.key.separator',
        this.#headersKeySeparator,
      ],
      ['null.marker', this.#nullMarker, 'key.separator', this.#keySeparator],
      ['null.marker', this.#nullMarker, 'headers.separator', this.#headersSeparator],
      ['null.marker', this.#nullMarker, 'headers.delimiter', this.#headersDelimiter],
      ['null.marker', this.#nullMarker, 'headers.key.separator', this.#headersKeySeparator],
    ])
  }

  /** `headers⇥key⇥value`, each part only if it is to be parsed. */
  parse(line: string): LineRecord {
    this.#lineNumber += 1
    let at = 0
    const part = (enabled: boolean, separator: string, name: string): string | null => {
      if (!enabled) return null
      const end = line.indexOf(separator, at)
      if (end < 0) {
        if (this.#ignoreError) return null
        throw new Error(`No ${name} found on line number ${this.#lineNumber}: '${line}'`)
      }
      const text = line.slice(at, end)
      at = end + separator.length
      return text
    }
    const headers = part(this.#parseHeaders, this.#headersDelimiter, 'headers delimiter')
    const key = part(this.#parseKey, this.#keySeparator, 'key separator')
    return {
      key: this.#orNull(key),
      value: this.#orNull(line.slice(at)),
      headers: headers === null || headers === this.#nullMarker ? [] : this.#splitHeaders(headers),
    }
  }

  #splitHeaders(headers: string): [string, string | null][] {
    return headers.split(new RegExp(this.#headersSeparator)).map((pair) => {
      const at = pair.indexOf(this.#headersKeySeparator)
      if (at < 0) {
        if (this.#ignoreError) return [pair, null]
        const where = `in pair '${pair}' on line number ${this.#lineNumber}`
        throw new Error(`No header key separator found ${where}`)
      }
      const key = pair.slice(0, at)
      if (key === this.#nullMarker) {
        const why = "as they can't be null"
        throw new Error(`Header keys should not be equal to the null marker '${key}' ${why}`)
      }
      return [key, this.#orNull(pair.slice(at + this.#headersKeySeparator.length))]
    })
  }

  #orNull(text: string | null): string | null {
    return text === this.#nullMarker ? null : text
  }
}

function checkDifferent(
  pairs: readonly (readonly [string, string | null, string, string | null])[],
): void {
  for (const [name, value, otherName, otherValue] of pairs) {
    if (value === otherValue) throw new Error(`${name} and ${otherName} may not be equal`)
  }
}

/** Lines as Java reads them: ended by `\n`, `\r` or `\r\n`; the last one may lack its end. */
export async function* linesOf(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    // A carriage return at the end may be half of a line end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()!
    yield* lines
  }
  rest += decoder.decode()
  const lines = rest.split(/\r\n|\n|\r/)
  if (lines.at(-1) === '') lines.pop()
  yield* lines
}
