/** How the console consumer shows a record: the properties of Kafka's `DefaultMessageFormatter`. */

export interface ShownRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime' | 'none'
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: string, value: Buffer | null])[]
}

export class RecordFormatter {
  readonly #shows: Readonly<Record<Column, boolean>>
  readonly #keySeparator: Buffer
  readonly #lineSeparator: Buffer
  readonly #headersSeparator: Buffer
  readonly #nullLiteral: Buffer

  constructor(properties: ReadonlyMap<string, string>) {
    const shows = (column: Column, fallback: boolean) => {
      const text = properties.get(`print.${column}`)
      return text === undefined ? fallback : text.trim().toLowerCase() === 'true'
    }
    const bytes = (key: string, fallback: string) => Buffer.from(properties.get(key) ?? fallback)
    this.#shows = {
      timestamp: shows('timestamp', false),
      partition: shows('partition', false),
      offset: shows('offset', false),
      headers: shows('headers', false),
      key: shows('key', false),
      value: shows('value', true),
    }
    this.#keySeparator = bytes('key.separator', '\t')
    this.#lineSeparator = bytes('line.separator', '\n')
    this.#headersSeparator = bytes('headers.separator', ',')
    this.#nullLiteral = bytes('null.literal', 'null')
  }

  /** The columns in Kafka's order; the last one ends with the line separator. */
  format(record: ShownRecord): Buffer {
    const shown = COLUMNS.filter((column) => this.#shows[column])
    const parts = shown.flatMap((column, i) => [
      ...this.#column(column, record),
      i === shown.length - 1 ? this.#lineSeparator : this.#keySeparator,
    ])
    return Buffer.concat(parts)
  }

  #column(column: Column, record: ShownRecord): Buffer[] {
    switch (column) {
      case 'timestamp':
        return [
          Buffer.from(
            record.timestampType === 'none'
              ? 'NO_TIMESTAMP'
              : `${record.timestampType}:${record.timestamp}`,
          ),
        ]
      case 'partition':
        return [Buffer.from(`Partition:${record.partition}`)]
      case 'offset':
        return [Buffer.from(`Offset:${record.offset}`)]
      case 'headers':
        return this.#headers(record.headers)
      case 'key':
        return [record.key ?? this.#nullLiteral]
      case 'value':
        return [record.value ?? this.#nullLiteral]
    }
  }

  #headers(headers: ShownRecord['headers']): Buffer[] {
    if (headers.length === 0) return [Buffer.from('NO_HEADERS')]
    return headers.flatMap(([key, value], i) => [
      ...(i === 0 ? [] : [this.#headersSeparator]),
      Buffer.from(`${key}:`),
      value ?? this.#nullLiteral,
    ])
  }
}

const COLUMNS = ['timestamp', 'partition', 'offset', 'headers', 'key', 'value'] as const
type Column = (typeof COLUMNS)[number]
