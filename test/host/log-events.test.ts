import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { LogEvents } from '../../src/host/log-events.ts'
import { type LogLine, WinstonLoggers } from '../../src/host/logging.ts'

class Sink {
  writableLength = 0
  text = ''

  write(text: string): boolean {
    this.text += text
    return true
  }

  get messages(): unknown[] {
    const lines = this.text.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line)).map((line) => line.message ?? line)
  }
}

const line = (message: string): LogLine => ({ atMs: 7, level: 'warn', logger: 'a.b', message })

test('a reader gets the newest lines, then every line as it is written', () => {
  const events = new LogEvents()
  for (let at = 1; at <= 250; at++) events.add(line(`line ${at}`))
  const sink = new Sink()
  const reading = events.follow(sink)
  assert.equal(sink.messages.length, 200)
  assert.equal(sink.messages[0], 'line 51')
  events.add(line('new\nline'))
  assert.equal(
    sink.text.endsWith('{"atMs":7,"level":"WARN","logger":"a.b","message":"new\\nline"}\n'),
    true,
  )
  reading.stop()
  events.add(line('unheard'))
  assert.equal(sink.messages.at(-1), 'new\nline')
  assert.equal(events.readerCount, 0)
})

test('a slow reader loses lines, is told how many, and holds up nobody', () => {
  const events = new LogEvents()
  const [slow, quick] = [new Sink(), new Sink()]
  const reading = events.follow(slow)
  events.follow(quick)
  slow.writableLength = 10_000_000
  for (let at = 0; at < 5; at++) events.add(line(`line ${at}`))
  assert.deepEqual(slow.messages, [])
  assert.equal(quick.messages.length, 5)
  slow.writableLength = 0
  reading.onDrain()
  assert.deepEqual(slow.messages, [{ dropped: 5 }])
  events.add(line('after'))
  assert.deepEqual(slow.messages, [{ dropped: 5 }, 'after'])
})

test('loggers tell listeners the lines that their level lets through', () => {
  const loggers = new WinstonLoggers({ stream: new PassThrough() })
  const heard: LogLine[] = []
  const stop = loggers.onLine((each) => heard.push(each))
  const logger = loggers.get('kafka.server.KafkaServer', '[KafkaServer id=1] ')
  logger.debug('hidden')
  logger.info('started')
  stop()
  logger.info('unheard')
  assert.deepEqual(
    heard.map(({ level, logger: name, message }) => [level, name, message]),
    [['info', 'kafka.server.KafkaServer', '[KafkaServer id=1] started']],
  )
})

test('levels are told by name and can be taken back', () => {
  const loggers = new WinstonLoggers()
  loggers.get('kafka.controller.KafkaController')
  loggers.setLevel('kafka.controller', 'debug')
  const level = (name: string) => loggers.levels().get(name)
  assert.deepEqual(
    ['', 'kafka.controller', 'kafka.controller.KafkaController', 'state.change.logger'].map(level),
    ['info', 'debug', 'debug', 'info'],
  )
  loggers.setLevel('kafka.controller', null)
  assert.equal(level('kafka.controller.KafkaController'), 'info')
  for (let at = 0; at < 2_000; at++) loggers.setLevel(`made.up.${at}`, 'debug')
  assert.ok(loggers.levels().size < 1_100, 'an outsider cannot make us remember without end')
})
