import type { Logger, Loggers } from '../../src/base/ports.ts'

/** Loggers that keep what was said, for tests that look, and print nothing. */
export class SilentLoggers implements Loggers {
  readonly lines: string[] = []

  get(name: string, prefix = ''): Logger {
    const keep = (level: string) => (message: string, cause?: unknown) => {
      const detail = cause === undefined ? '' : ` ${String(cause)}`
      this.lines.push(`${level} ${prefix}${message}${detail} (${name})`)
    }
    return {
      debug: keep('DEBUG'),
      info: keep('INFO'),
      warn: keep('WARN'),
      error: keep('ERROR'),
      isDebugEnabled: () => false,
    }
  }
}
