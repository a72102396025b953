/**
 * Levels of loggers as settings of the resource BROKER_LOGGER (KIP-412), in Kafka's words. They belong
 * to this run of this broker: nothing is written to ZooKeeper.
 */
import { ErrorCode } from '../protocol/error-codes.ts'
import { type ConfigOperation, checkOperations } from './config-alteration.ts'
import { type ConfigEntry, ConfigSource } from './config-description.ts'
import { ApiError } from './handler.ts'
import {
  isLogLevelName,
  LOG_LEVEL_NAMES,
  type LogLevelName,
  type LogLevels,
  ROOT_LOGGER,
} from './log-levels.ts'
import { parsedId } from './resource-types.ts'

const OPERATIONS = ['SET', 'DELETE', 'APPEND', 'SUBTRACT']

export function describeLoggers(
  logLevels: LogLevels,
  brokerId: number,
  resourceName: string,
): ConfigEntry[] {
  if (resourceName === '') throw invalid('Broker id must not be empty')
  const id = parsedId(resourceName, 'Broker')
  if (id !== brokerId) {
    throw invalid(`Unexpected broker id, expected ${brokerId} but received ${resourceName}`)
  }
  return [...logLevels.levels()].map(([name, value]) => ({
    name,
    value,
    readOnly: false,
    source: ConfigSource.DYNAMIC_BROKER_LOGGER,
    isSensitive: false,
    synonyms: [],
    type: 0,
    documentation: '',
  }))
}

/** All or nothing. Throws `ApiError`. */
export function alterLoggers(
  logLevels: LogLevels,
  brokerId: number,
  resourceName: string,
  operations: readonly ConfigOperation[],
  validateOnly: boolean,
): void {
  checkOperations(operations)
  if (parsedId(resourceName, 'Node') !== brokerId) {
    throw invalid(`Unexpected node id. Expected ${brokerId}, but received ${resourceName}`)
  }
  const known = logLevels.levels()
  const changes = operations.map((each) => changeOf(each, known))
  if (validateOnly) return
  for (const { name, level } of changes) logLevels.setLevel(name, level)
}

function changeOf(
  { name, operation, value }: ConfigOperation,
  known: ReadonlyMap<string, LogLevelName>,
): { name: string; level: LogLevelName | null } {
  const kind = OPERATIONS[operation]
  if (kind === undefined) {
    const resource = 'is not allowed for the BROKER_LOGGER resource'
    throw invalid(`Unknown operation type ${operation} ${resource}`)
  }
  if (kind !== 'SET' && kind !== 'DELETE') {
    throw invalid(`${kind} operation is not allowed for the BROKER_LOGGER resource`)
  }
  if (!known.has(name)) {
    throw new ApiError(ErrorCode.INVALID_CONFIG, `Logger ${name} does not exist!`)
  }
  if (kind === 'DELETE') {
    if (name !== ROOT_LOGGER) return { name, level: null }
    throw invalid(`Removing the log level of the ${ROOT_LOGGER} logger is not allowed`)
  }
  if (value !== null && isLogLevelName(value)) return { name, level: value }
  const valid = [...LOG_LEVEL_NAMES].sort().join(', ')
  throw new ApiError(
    ErrorCode.INVALID_CONFIG,
    `Cannot set the log level of ${name} to ${value} as it is not a supported log level. ` +
      `Valid log levels are ${valid}`,
  )
}

function invalid(message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_REQUEST, message)
}
