/**
 * Levels of loggers at run time, in the words of Kafka's tools (BROKER_LOGGER resources, KIP-412).
 * The broker does not know how lines are written; whoever builds it offers this.
 */

/** The name that stands for all loggers without a level of their own. */
export const ROOT_LOGGER = 'root'

/** Kafka's levels. Of those that Samsa does not tell apart the nearest one holds. */
export const LOG_LEVEL_NAMES = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'] as const
export type LogLevelName = (typeof LOG_LEVEL_NAMES)[number]

export interface LogLevels {
  /** The level that holds, by logger name; `root` among them. */
  levels(): ReadonlyMap<string, LogLevelName>
  /** Null: as the logger above it. */
  setLevel(name: string, level: LogLevelName | null): void
}

export function isLogLevelName(text: string): text is LogLevelName {
  return (LOG_LEVEL_NAMES as readonly string[]).includes(text)
}
