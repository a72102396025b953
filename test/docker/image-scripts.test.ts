/** The scripts of the image, with a `samsa` that only tells how it was called. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'

const BIN = path.join(import.meta.dirname, '../../docker/bin')
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-image-'))
const fakes = directory('fakes')
const links = directory('links')
after(() => fs.rmSync(root, { recursive: true, force: true }))

script('samsa', 'printf "samsa"; printf " <%s>" "$@"; echo; env | grep "^KAFKA_" | sort')
const SKIP = process.platform === 'win32' || !fs.existsSync('/bin/bash') ? 'needs bash' : false

function directory(name: string): string {
  const made = path.join(root, name)
  fs.mkdirSync(made)
  return made
}

function script(name: string, text: string): void {
  fs.writeFileSync(path.join(fakes, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 })
}

function write(directoryName: string, text: string): string {
  const file = path.join(root, directoryName, 'server.properties')
  fs.writeFileSync(file, text)
  return file
}

interface Call {
  readonly status: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

function call(file: string, args: readonly string[], env: Record<string, string> = {}): Call {
  const mounts = { SAMSA_CONFIG_DIRS: path.join(root, 'nothing') }
  const { status, stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { PATH: `${fakes}:/usr/bin:/bin`, ...mounts, ...env },
  })
  return { status, lines: stdout.trimEnd().split('\n'), stderr }
}

const entrypoint = (args: readonly string[], env: Record<string, string> = {}) =>
  call(path.join(BIN, 'entrypoint'), args, env)

/** As the image links it: under a name of Kafka's. */
function tool(name: string, ...args: readonly string[]): Call {
  const link = path.join(links, name)
  if (!fs.existsSync(link)) fs.symlinkSync(path.join(BIN, 'kafka-tool'), link)
  return call(link, args)
}

test('a container without a command is a broker with its logs in the volume', {
  skip: SKIP,
}, () => {
  const expected = ['samsa <broker>', 'KAFKA_LOG_DIRS=/var/lib/kafka/data']
  assert.deepEqual(entrypoint([]).lines, expected)
  assert.deepEqual(entrypoint(['broker']).lines, expected)
  const overridden = entrypoint(['broker', '--override', 'broker.id=7'])
  assert.equal(overridden.lines[0], 'samsa <broker> <--override> <broker.id=7>')
})

test('log directories of the environment or the file are left alone', { skip: SKIP }, () => {
  const config = directory('config')
  for (const name of ['KAFKA_LOG_DIRS', 'KAFKA_LOG_DIR', 'KAFKA_CFG_LOG_DIRS']) {
    assert.deepEqual(entrypoint([], { [name]: '/d' }).lines, ['samsa <broker>', `${name}=/d`])
  }
  const cases: [text: string, isDefault: boolean][] = [
    ['log.dirs=/d\n', false],
    ['  log.dir : /d\n', false],
    ['#log.dirs=/d\n', true],
    ['log.dirs.x=1\n', true],
    ['num.partitions=3\n', true],
  ]
  for (const [text, isDefault] of cases) {
    const file = write('config', text)
    const lines = ['KAFKA_LOG_DIRS=/var/lib/kafka/data'].slice(isDefault ? 0 : 1)
    const expected = [`samsa <broker> <${file}>`, ...lines]
    assert.deepEqual(entrypoint([], { SAMSA_CONFIG_DIRS: config }).lines, expected, text)
    assert.deepEqual(entrypoint(['broker', file]).lines, expected, text)
  }
})

test('a mounted file goes to the broker and to its health check', { skip: SKIP }, () => {
  const first = directory('first')
  const second = directory('second')
  const lower = write('second', 'log.dirs=/b\n')
  const both = { SAMSA_CONFIG_DIRS: `${first} ${second}` }
  assert.equal(entrypoint(['broker'], both).lines[0], `samsa <broker> <${lower}>`)
  const upper = write('first', 'log.dirs=/a\n')
  assert.equal(entrypoint(['broker'], both).lines[0], `samsa <broker> <${upper}>`)
  const checked = entrypoint(['healthcheck', '--timeout-ms', '9'], both)
  assert.deepEqual(checked.lines, [`samsa <healthcheck> <${upper}> <--timeout-ms> <9>`])
  assert.equal(entrypoint(['broker', '--help'], both).lines[0], 'samsa <broker> <--help>')
})

test('names with dashes reach the broker', { skip: SKIP }, () => {
  const name = 'KAFKA_LISTENER_NAME_X_SCRAM-SHA-256_SASL_JAAS_CONFIG'
  const { lines } = entrypoint([], { [name]: 'a b', KAFKA_LOG_DIRS: '/d' })
  assert.deepEqual(lines, ['samsa <broker>', `${name}=a b`, 'KAFKA_LOG_DIRS=/d'])
})

test('other words are commands of samsa, or programs', { skip: SKIP }, () => {
  assert.deepEqual(entrypoint(['topics', '--list']).lines, ['samsa <topics> <--list>'])
  assert.deepEqual(entrypoint(['--help']).lines, ['samsa <--help>'])
  assert.deepEqual(entrypoint(['sh', '-c', 'echo "$1"', '-', 'a b']).lines, ['a b'])
  assert.deepEqual(entrypoint(['samsa', 'up']).lines, ['samsa <up>'])
})

test('run, as images of Kafka call it, is a broker', { skip: SKIP }, () => {
  const link = path.join(links, 'run')
  fs.symlinkSync(path.join(BIN, 'entrypoint'), link)
  assert.equal(call(link, []).lines[0], 'samsa <broker>')
})

test('tools run under the names that Kafka gives them', { skip: SKIP }, () => {
  const calls: [name: string, args: string[], expected: string][] = [
    ['kafka-topics.sh', ['--list'], 'samsa <kafka-topics> <--list>'],
    ['kafka-topics', ['--topic', 'a b'], 'samsa <kafka-topics> <--topic> <a b>'],
    ['kafka-server-start.sh', ['/x'], 'samsa <broker> </x>'],
    ['zookeeper-shell.sh', ['zk:2181', 'ls', '/'], 'samsa <zk> <--zookeeper> <zk:2181> <ls> </>'],
    [
      'kafka-run-class.sh',
      ['kafka.tools.DumpLogSegments', '--files', 'x'],
      'samsa <dump-log> <--files> <x>',
    ],
  ]
  for (const [name, args, expected] of calls) {
    assert.equal(tool(name, ...args).lines[0], expected)
  }
  const unknown = tool('kafka-run-class', 'kafka.Nothing')
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, /no stand-in for kafka\.Nothing/)
})

test('a zookeeper.properties starts the built-in ZooKeeper', { skip: SKIP }, () => {
  const file = path.join(root, 'zookeeper.properties')
  fs.writeFileSync(file, 'clientPort=2182\ndataDir = /var/lib/zookeeper/data\ndataLogDir=/log\n')
  const started = tool('zookeeper-server-start', file)
  const data = '</var/lib/zookeeper/data>'
  assert.equal(
    started.lines[0],
    `samsa <zookeeper> <--host> <0.0.0.0> <--port> <2182> <--data> ${data}`,
  )
  assert.equal(tool('zookeeper-server-start').status, 1)
})

test('cub waits for a broker as long as it is told', { skip: SKIP }, () => {
  const cub = (...args: string[]) => call(path.join(BIN, 'cub'), args)
  const expected =
    'samsa <healthcheck> <--bootstrap-server> <kafka:9092> <--brokers> <3> <--timeout-ms> <20000>'
  assert.equal(cub('kafka-ready', '-b', 'kafka:9092', '3', '20').lines[0], expected)
  assert.equal(cub('zk-ready', 'zookeeper:2181', '20').status, 1)
})
