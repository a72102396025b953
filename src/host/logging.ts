/**
 * Log lines through winston, in the layout of Kafka's log4j (`[date] LEVEL message (logger)`) so that
 * what people grep for is found, or as JSON. Each logger name has a level of its own, changeable at
 * run time; a disabled line costs one comparison.
 */
import winston from 'winston'
import type { Logger, Loggers } from '../base/ports.ts'

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A line as it was written, without its layout. */
export interface LogLine {
  readonly atMs: number
  readonly level: LogLevel
  readonly logger: string
  readonly message: string
}

/** Names that people set levels of, besides those of the loggers that are in use. */
const WELL_KNOWN = [
  'kafka',
  'kafka.authorizer.logger',
  'kafka.controller',
  'kafka.log.LogCleaner',
  'kafka.request.logger',
  'org.apache.kafka',
  'org.apache.zookeeper',
  'state.change.logger',
]
/** What an outsider may make us remember. */
const OWN_LEVELS_MAX = 1_000

export interface LoggingOptions {
  readonly level?: LogLevel
  /** Levels of logger names; a name stands for those below it too (`kafka.controller`). */
  readonly levels?: Readonly<Record<string, LogLevel>>
  readonly format?: 'kafka' | 'json'
  /** Instead of stdout. */
  readonly stream?: NodeJS.WritableStream
}

/** What the images of Kafka understand: `KAFKA_LOG4J_ROOT_LOGLEVEL`, `KAFKA_LOG4J_LOGGERS=a=INFO,b=DEBUG`. */
export function logLevelsOf(
  env: Readonly<Record<string, string | undefined>>,
): Pick<LoggingOptions, 'level' | 'levels'> {
  const levels: Record<string, LogLevel> = {}
  for (const pair of (env.KAFKA_LOG4J_LOGGERS ?? '').split(',')) {
    const [name = '', level = ''] = pair.split('=')
    const known = levelNamed(level)
    if (name !== '' && known !== null) levels[name.trim()] = known
  }
  return { level: levelNamed(env.KAFKA_LOG4J_ROOT_LOGLEVEL ?? '') ?? 'info', levels }
}

/** Null for a word that is no level. Log4j knows more of them than we do. */
export function levelNamed(word: string): LogLevel | null {
  const lower = word.trim().toLowerCase()
  if (lower === 'trace' || lower === 'all') return 'debug'
  if (lower === 'fatal' || lower === 'off') return 'error'
  return LOG_LEVELS.find((level) => level === lower) ?? null
}

export class WinstonLoggers implements Loggers {
  readonly #sink: winston.Logger
  readonly #levels: Map<string, LogLevel>
  readonly #loggers = new Map<string, NamedLevel>()
  readonly #lineListeners = new Set<(line: LogLine) => void>()
  #rootLevel: LogLevel

  constructor(options: LoggingOptions = {}) {
    this.#rootLevel = options.level ?? 'info'
    this.#levels = new Map(Object.entries(options.levels ?? {}))
    const { combine, json, printf, timestamp } = winston.format
    const stamp = timestamp({ format: () => kafkaDate(new Date()) })
    const kafka = printf((line) => {
      const { timestamp: date, level, message, logger, cause } = line
      return `[${date}] ${level.toUpperCase()} ${message} (${logger})${cause ?? ''}`
    })
    this.#sink = winston.createLogger({
      level: 'debug',
      format: combine(stamp, options.format === 'json' ? json() : kafka),
      transports: [
        options.stream === undefined
          ? new winston.transports.Console({ stderrLevels: [] })
          : new winston.transports.Stream({ stream: options.stream }),
      ],
    })
  }

  get(name: string, prefix = ''): Logger {
    const named = this.#named(name)
    const write = (level: LogLevel, message: string, cause?: unknown): void => {
      if (LOG_LEVELS.indexOf(level) > named.threshold) return
      const line = { level, message: prefix + message, logger: name }
      this.#sink.log(cause === undefined ? line : { ...line, cause: describe(cause) })
      if (this.#lineListeners.size > 0) this.#tell({ ...line, atMs: Date.now() })
    }
    return {
      debug: (message) => write('debug', message),
      info: (message) => write('info', message),
      warn: (message, cause) => write('warn', message, cause),
      error: (message, cause) => write('error', message, cause),
      isDebugEnabled: () => named.threshold >= LOG_LEVELS.indexOf('debug'),
    }
  }

  /** `name` empty: the level of all that have none of their own. Null: as the name above it. */
  setLevel(name: string, level: LogLevel | null): void {
    if (name === '') this.#rootLevel = level ?? this.#rootLevel
    else if (level === null) this.#levels.delete(name)
    else if (this.#levels.size < OWN_LEVELS_MAX || this.#levels.has(name)) {
      this.#levels.set(name, level)
    }
    for (const [each, named] of this.#loggers) named.threshold = this.#thresholdOf(each)
  }

  /** By name, sorted; the name of the level of all others is empty. */
  levels(): ReadonlyMap<string, LogLevel> {
    const names = new Set([...WELL_KNOWN, ...this.#loggers.keys(), ...this.#levels.keys()])
    const rows = [...names].sort().map((name) => [name, this.#levelOf(name)] as const)
    return new Map([['', this.#rootLevel], ...rows])
  }

  /** Told of every line that is written, in the same turn. The returned function ends it. */
  onLine(listener: (line: LogLine) => void): () => void {
    this.#lineListeners.add(listener)
    return () => this.#lineListeners.delete(listener)
  }

  #tell(line: LogLine): void {
    for (const listener of this.#lineListeners) listener(line)
  }

  #named(name: string): NamedLevel {
    let named = this.#loggers.get(name)
    if (named === undefined) {
      named = { threshold: this.#thresholdOf(name) }
      this.#loggers.set(name, named)
    }
    return named
  }

  #thresholdOf(name: string): number {
    return LOG_LEVELS.indexOf(this.#levelOf(name))
  }

  /** The level of the longest name that covers this one. */
  #levelOf(name: string): LogLevel {
    for (let part = name; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
      const level = this.#levels.get(part)
      if (level !== undefined) return level
    }
    return this.#rootLevel
  }
}

interface NamedLevel {
  threshold: number
}

function describe(cause: unknown): string {
  return `\n${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`
}

/** `2026-11-21 00:10:45,123`, local time. */
function kafkaDate(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`
}
