/**
 * Changes of settings that clients ask for: the new overrides of a topic or a broker, checked, in
 * Kafka's words. Pure; `ConfigService` writes the outcome.
 */
import { ErrorCode } from '../protocol/error-codes.ts'
import { BROKER_SETTINGS } from './config.ts'
import { ApiError } from './handler.ts'
import { TOPIC_SETTINGS } from './settings/log-settings.ts'
import { formatSetting, type Setting } from './settings/setting.ts'
import { topicConfigProblem } from './topic-config.ts'

export interface ConfigOperation {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

export const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

/** Null deletes nothing: every value must be there. Throws `ApiError`. */
export function checkTopicConfig(topic: string, config: ReadonlyMap<string, string>): void {
  const problem = topicConfigProblem(config)
  if (problem === null) return
  const message = /^(Unknown|It is invalid|conflict)/.test(problem)
    ? problem
    : `Invalid config value for resource ConfigResource(type=TOPIC, name='${topic}'): ${problem}`
  throw new ApiError(ErrorCode.INVALID_CONFIG, message)
}

/** What holds for the changes of any resource. Throws `ApiError`. */
export function checkOperations(operations: readonly ConfigOperation[]): void {
  const names = new Set(operations.map(({ name }) => name))
  if (names.size !== operations.length) {
    throw new ApiError(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys')
  }
  const nulls = operations.filter((each) => each.operation !== DELETE && each.value === null)
  if (nulls.length > 0) {
    const message = `Null value not supported for : ${nulls.map(({ name }) => name).join(', ')}`
    throw new ApiError(ErrorCode.INVALID_REQUEST, message)
  }
}

/** What IncrementalAlterConfigs makes of the current overrides. Throws `ApiError`. */
export function applyOperations(
  current: ReadonlyMap<string, string>,
  operations: readonly ConfigOperation[],
): Map<string, string> {
  checkOperations(operations)
  const next = new Map(current)
  for (const { name, operation, value } of operations) {
    if (operation === SET) next.set(name, value ?? '')
    else if (operation === DELETE) next.delete(name)
    else if (operation === APPEND || operation === SUBTRACT) {
      next.set(name, changedList(name, next.get(name), operation, value ?? ''))
    } else {
      throw new ApiError(ErrorCode.INVALID_REQUEST, `Unknown operation type ${operation}`)
    }
  }
  return next
}

function changedList(
  name: string,
  current: string | undefined,
  operation: number,
  value: string,
): string {
  const setting: Setting | undefined = TOPIC_SETTINGS[name]?.setting ?? BROKER_SETTINGS[name]
  if (setting?.type !== 'list') {
    const verb = operation === APPEND ? 'append' : 'subtract'
    const message = `Config value ${verb} is not allowed for config key: ${name}`
    throw new ApiError(ErrorCode.INVALID_CONFIG, message)
  }
  const split = (text: string) => (text === '' ? [] : text.split(',').map((each) => each.trim()))
  const items = split(current ?? formatSetting(setting.default, setting.type) ?? '')
  for (const item of split(value)) {
    const at = items.indexOf(item)
    if (operation === APPEND && at < 0) items.push(item)
    if (operation === SUBTRACT && at >= 0) items.splice(at, 1)
  }
  return items.join(',')
}
