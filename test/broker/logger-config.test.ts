/** Levels of loggers as Kafka's tools see and change them (KIP-412). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../src/broker/handler.ts'
import type { LogLevelName, LogLevels } from '../../src/broker/log-levels.ts'
import { alterLoggers, describeLoggers } from '../../src/broker/logger-config.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'

const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

class PaperLevels implements LogLevels {
  readonly known = new Map<string, LogLevelName>([
    ['root', 'INFO'],
    ['kafka.controller', 'INFO'],
  ])
  readonly changes: [string, LogLevelName | null][] = []

  levels(): ReadonlyMap<string, LogLevelName> {
    return this.known
  }

  setLevel(name: string, level: LogLevelName | null): void {
    this.changes.push([name, level])
  }
}

function refusal(action: () => unknown): [ErrorCode, string] {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof ApiError)
    return [error.code, error.message]
  }
  return assert.fail('not refused')
}

test('the loggers of this broker are told with their levels', () => {
  const levels = new PaperLevels()
  assert.deepEqual(
    describeLoggers(levels, 1, '1').map(({ name, value, source, readOnly }) => [
      name,
      value,
      source,
      readOnly,
    ]),
    [
      ['root', 'INFO', 6, false],
      ['kafka.controller', 'INFO', 6, false],
    ],
  )
  const { INVALID_REQUEST } = ErrorCode
  const wrong = (name: string) => refusal(() => describeLoggers(levels, 1, name))
  assert.deepEqual(wrong(''), [INVALID_REQUEST, 'Broker id must not be empty'])
  assert.deepEqual(wrong('x'), [INVALID_REQUEST, 'Broker id must be an integer, but it is: x'])
  assert.deepEqual(wrong('2'), [INVALID_REQUEST, 'Unexpected broker id, expected 1 but received 2'])
})

test('levels are set and taken back', () => {
  const levels = new PaperLevels()
  const operations = [
    { name: 'kafka.controller', operation: DELETE, value: null },
    { name: 'root', operation: SET, value: 'TRACE' },
  ]
  alterLoggers(levels, 1, '1', operations, true)
  assert.deepEqual(levels.changes, [])
  alterLoggers(levels, 1, '1', operations, false)
  assert.deepEqual(levels.changes, [
    ['kafka.controller', null],
    ['root', 'TRACE'],
  ])
})

test('what cannot be is refused, and then nothing changes', () => {
  const levels = new PaperLevels()
  const good = { name: 'kafka.controller', operation: SET, value: 'DEBUG' }
  const alter = (name: string, operation: number, value: string | null = null) =>
    refusal(() => alterLoggers(levels, 1, '1', [good, { name, operation, value }], false))
  const { INVALID_CONFIG, INVALID_REQUEST } = ErrorCode
  const resource = 'operation is not allowed for the BROKER_LOGGER resource'
  assert.deepEqual(alter('root', APPEND, 'a'), [INVALID_REQUEST, `APPEND ${resource}`])
  assert.deepEqual(alter('root', SUBTRACT, 'a'), [INVALID_REQUEST, `SUBTRACT ${resource}`])
  assert.equal(alter('root', 9, 'a')[0], INVALID_REQUEST)
  assert.deepEqual(alter('no.such', SET, 'INFO'), [
    INVALID_CONFIG,
    'Logger no.such does not exist!',
  ])
  assert.deepEqual(alter('root', DELETE), [
    INVALID_REQUEST,
    'Removing the log level of the root logger is not allowed',
  ])
  assert.deepEqual(alter('root', SET, 'LOUD'), [
    INVALID_CONFIG,
    'Cannot set the log level of root to LOUD as it is not a supported log level. ' +
      'Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN',
  ])
  assert.equal(alter('root', SET)[0], INVALID_REQUEST)
  assert.equal(alter('kafka.controller', SET, 'INFO')[1], 'Error due to duplicate config keys')
  for (const [name, message] of [
    ['x', 'Node id must be an integer, but it is: x'],
    ['', 'Node id must be an integer, but it is: '],
    ['2', 'Unexpected node id. Expected 1, but received 2'],
  ] as const) {
    const outcome = refusal(() => alterLoggers(levels, 1, name, [good], false))
    assert.deepEqual(outcome, [INVALID_REQUEST, message])
  }
  assert.deepEqual(levels.changes, [])
})
