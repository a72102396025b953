/** The levels of our loggers under the names that Kafka's tools know. */
import { type LogLevelName, type LogLevels, ROOT_LOGGER } from '../broker/log-levels.ts'
import { levelNamed, type WinstonLoggers } from './logging.ts'

export function logLevelsPort(loggers: WinstonLoggers): LogLevels {
  const nameOf = (name: string) => (name === ROOT_LOGGER ? '' : name)
  return {
    levels: () =>
      new Map(
        [...loggers.levels()].map(([name, level]) => [
          name === '' ? ROOT_LOGGER : name,
          level.toUpperCase() as LogLevelName,
        ]),
      ),
    setLevel: (name, level) =>
      loggers.setLevel(nameOf(name), level === null ? null : levelNamed(level)),
  }
}
