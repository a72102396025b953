import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type LoggingOptions, logLevelsOf, WinstonLoggers } from '../../src/host/logging.ts'

function loggersInto(options: LoggingOptions = {}) {
  const stream = new PassThrough()
  const loggers = new WinstonLoggers({ ...options, stream })
  return { loggers, text: () => String(stream.read() ?? '') }
}

test('a line has the layout of Kafka', () => {
  const { loggers, text } = loggersInto()
  loggers.get('kafka.server.KafkaServer', '[KafkaServer id=1] ').info('started')
  assert.match(
    text(),
    /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \[KafkaServer id=1\] started \(kafka\.server\.KafkaServer\)\n$/,
  )
})

test('the stack of a cause follows its line', () => {
  const { loggers, text } = loggersInto()
  loggers.get('kafka.log.LogManager').error('failed', new Error('no space'))
  assert.match(text(), /ERROR failed \(kafka\.log\.LogManager\)\nError: no space\n {4}at /)
})

test('the level of the longest name counts, and can be changed', () => {
  const { loggers, text } = loggersInto({ level: 'warn', levels: { 'kafka.controller': 'debug' } })
  const controller = loggers.get('kafka.controller.KafkaController')
  const server = loggers.get('kafka.server.KafkaServer')
  assert.equal(controller.isDebugEnabled(), true)
  assert.equal(server.isDebugEnabled(), false)
  controller.debug('seen')
  server.info('hidden')
  assert.match(text(), /^[^\n]*seen[^\n]*\n$/)
  loggers.setLevel('kafka.controller', 'error')
  loggers.setLevel('', 'info')
  controller.warn('hidden')
  server.info('now seen')
  assert.match(text(), /^[^\n]*now seen[^\n]*\n$/)
})

test('as JSON a line is an object', () => {
  const { loggers, text } = loggersInto({ format: 'json' })
  loggers.get('state.change.logger', '[Broker id=2] ').warn('fenced')
  const { level, message, logger, timestamp } = JSON.parse(text())
  assert.deepEqual(
    [level, message, logger],
    ['warn', '[Broker id=2] fenced', 'state.change.logger'],
  )
  assert.match(timestamp, /^\d{4}-/)
})

test("levels come from the variables of Kafka's images", () => {
  const levels = logLevelsOf({
    KAFKA_LOG4J_ROOT_LOGLEVEL: 'WARN',
    KAFKA_LOG4J_LOGGERS: 'kafka.controller=TRACE,state.change.logger=INFO,x=nonsense',
  })
  assert.deepEqual(levels, {
    level: 'warn',
    levels: { 'kafka.controller': 'debug', 'state.change.logger': 'info' },
  })
  assert.deepEqual(logLevelsOf({}), { level: 'info', levels: {} })
})
