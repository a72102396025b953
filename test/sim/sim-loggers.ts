import type { Logger, Loggers } from '../../src/base/ports.ts'
import type { SimWorld } from './world.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LEVELS)[number]

/** All that happened, with its virtual time: what one reads when a seed fails. */
export class Trace {
  readonly lines: string[] = []
  readonly #world: SimWorld
  readonly #level: LogLevel
  readonly #maxLines: number

  constructor(world: SimWorld, level: LogLevel = 'info', maxLines = 200_000) {
    this.#world = world
    this.#level = level
    this.#maxLines = maxLines
  }

  say(who: string, message: string): void {
    if (this.lines.length >= this.#maxLines) return
    this.lines.push(`${this.#world.nowMs.toFixed(1).padStart(9)} ${who.padEnd(12)} ${message}`)
  }

  loggersOf(who: string): Loggers {
    const lowest = LEVELS.indexOf(this.#level)
    return {
      get: (name, prefix = ''): Logger => {
        const short = name.slice(name.lastIndexOf('.') + 1)
        const keep = (level: LogLevel) =>
          LEVELS.indexOf(level) < lowest
            ? () => {}
            : (message: string, cause?: unknown) => {
                const detail = cause === undefined ? '' : `: ${describe(cause)}`
                this.say(who, `${level.toUpperCase()} ${prefix}${message}${detail} (${short})`)
              }
        return {
          debug: keep('debug'),
          info: keep('info'),
          warn: keep('warn'),
          error: keep('error'),
          isDebugEnabled: () => lowest === 0,
        }
      },
    }
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
