/** The image by itself: as people and programs start images of Kafka. `npm run test:e2e`. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { findCompose, run, tryRun } from '../support/compose-project.ts'
import { until } from '../support/until.ts'

const IMAGE = 'samsa-e2e'
const LOOK = { deadlineMs: 60_000, lookEveryMs: 300 }
const found = findCompose()
const skip = 'missing' in found ? found.missing : false

const network = `samsa-e2e-image-${process.pid}`
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-e2e-'))
const containers: string[] = []

/** `docker run -d`; resolves with the container's name. */
async function start(name: string, options: readonly string[], words: readonly string[] = []) {
  const container = `${network}-${name}`
  containers.push(container)
  const place = ['--network', network, '--network-alias', name, '--name', container]
  await run(['docker', 'run', '-d', ...place, ...options, IMAGE, ...words])
  return container
}

async function logs(container: string): Promise<string> {
  const { stdout, stderr } = await tryRun(['docker', 'logs', container])
  return stdout + stderr
}

async function untilStarted(container: string): Promise<void> {
  await until(
    `${container} says that it has started`,
    async () => /\[KafkaServer id=\d+\] started/.test(await logs(container)),
    LOOK,
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await logs(container)}`)
  })
}

const env = (pairs: Readonly<Record<string, string>>) =>
  Object.entries(pairs).flatMap(([name, value]) => ['-e', `${name}=${value}`])

function fileWith(name: string, text: string): string {
  const file = path.join(directory, name)
  fs.writeFileSync(file, text)
  return file
}

describe('the image', { skip, timeout: 600_000 }, () => {
  before(async () => {
    await run(['docker', 'build', '-q', '-t', IMAGE, '-f', 'docker/Dockerfile', '.'], {
      timeoutMs: 500_000,
    })
    await run(['docker', 'network', 'create', network])
    await start('zookeeper', ['--no-healthcheck'], ['zookeeper', '--host', '0.0.0.0'])
  })

  after(async () => {
    if (containers.length > 0) await tryRun(['docker', 'rm', '-f', '-v', ...containers])
    await tryRun(['docker', 'network', 'rm', network])
    if (process.env.SAMSA_E2E_KEEP_IMAGES === undefined) await tryRun(['docker', 'rmi', IMAGE])
    fs.rmSync(directory, { recursive: true, force: true })
  })

  test('it runs commands of samsa, and programs', async () => {
    assert.match(await run(['docker', 'run', '--rm', IMAGE, '--help']), /^Usage: samsa COMMAND/)
    assert.equal(await run(['docker', 'run', '--rm', IMAGE, 'sh', '-c', 'id -u']), '1000\n')
    const tools = await run(['docker', 'run', '--rm', IMAGE, 'ls', '/opt/kafka/bin'])
    for (const name of ['kafka-topics.sh', 'kafka-topics', 'kafka-configs.sh', 'kafka-run-class']) {
      assert.ok(tools.split('\n').includes(name), name)
    }
  })

  test('settings that Kafka has given up end it with advice', async () => {
    const given = env({ KAFKA_ADVERTISED_HOST_NAME: 'kafka', KAFKA_ZOOKEEPER_CONNECT: 'zk' })
    const { code, stderr } = await tryRun(['docker', 'run', '--rm', ...given, IMAGE])
    assert.equal(code, 1)
    assert.match(stderr, /KAFKA_ADVERTISED_HOST_NAME.*Set KAFKA_ADVERTISED_LISTENERS instead/)
    const nothing = await tryRun(['docker', 'run', '--rm', IMAGE])
    assert.equal(nothing.code, 1)
    assert.match(nothing.stderr, /zookeeper\.connect=host:2181/)
  })

  test('a mounted file, the environment on top, health, a clean end, and a second start', async () => {
    const file = fileWith(
      'server.properties',
      'broker.id=3\nzookeeper.connect=zookeeper/mounted\nnum.partitions=4\nbroker.rack=file\n',
    )
    const listener = 'PLAINTEXT://mounted:19092'
    const container = await start('mounted', [
      ...['-v', `${file}:/etc/kafka/server.properties:ro`],
      ...env({ KAFKA_BROKER_RACK: 'env', KAFKA_ADVERTISED_LISTENERS: listener }),
    ])
    await untilStarted(container)
    const describe = ['kafka-configs.sh', '--bootstrap-server', 'mounted:19092', '--describe']
    const broker = ['--entity-type', 'brokers', '--entity-name', '3', '--all']
    const configs = await run(['docker', 'exec', container, ...describe, ...broker])
    for (const [name, value] of [
      ['broker.rack', 'env'],
      ['num.partitions', '4'],
      ['log.dirs', '/var/lib/kafka/data'],
      ['listeners', 'PLAINTEXT://0.0.0.0:19092'],
    ] as const) {
      assert.ok(configs.includes(`${name}=${value} `), `${name} is not ${value}:\n${configs}`)
    }
    const health = ['docker', 'inspect', '-f', '{{.State.Health.Status}}', container]
    await until('it is healthy', async () => (await run(health)).trim() === 'healthy', LOOK)
    await run(['docker', 'stop', container])
    const exit = ['docker', 'inspect', '-f', '{{.State.ExitCode}}', container]
    assert.equal((await run(exit)).trim(), '0')
    await run(['docker', 'start', container])
    const twice = async () => (await logs(container)).match(/id=3\] started/g)?.length === 2
    await until('it has started twice', twice, LOOK)
  })

  test('another user of group 0 may run it, without writing anything but its volume', async () => {
    const settings = 'broker.id=12\nzookeeper.connect=zookeeper/stranger\n'
    const file = fileWith('stranger.properties', settings)
    const container = await start('stranger', [
      ...['--user', '5000:0', '--read-only', '-v', '/var/lib/kafka/data'],
      ...['-v', `${file}:/opt/kafka/config/server.properties:ro`],
    ])
    await untilStarted(container)
    const written = await run(['docker', 'exec', container, 'ls', '/var/lib/kafka/data'])
    assert.match(written, /meta\.properties/)
    assert.match(await logs(container), /id=12\] started/)
    await run(['docker', 'stop', container])
    const exit = ['docker', 'inspect', '-f', '{{.State.ExitCode}}', container]
    assert.equal((await run(exit)).trim(), '0')
    const denied = await tryRun([
      ...['docker', 'run', '--rm', '--network', network, '--user', '5000:5000'],
      ...env({ KAFKA_ZOOKEEPER_CONNECT: 'zookeeper/stranger' }),
      IMAGE,
    ])
    assert.equal(denied.code, 1)
    assert.match(denied.stderr, /one that user 5000 can make and write/)
  })

  test('it starts as tests start an image of Kafka: ZooKeeper inside, a script that comes late', async () => {
    const dashes = 'KAFKA_LISTENER_NAME_BROKER_SCRAM-SHA-256_X'
    const container = await start(
      'embedded',
      [
        '--no-healthcheck',
        ...env({
          [dashes]: '1',
          KAFKA_BROKER_ID: '1',
          KAFKA_LISTENERS: 'PLAINTEXT://0.0.0.0:9093,BROKER://0.0.0.0:9092',
          KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
          KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
          KAFKA_ZOOKEEPER_CONNECT: 'localhost:2181',
        }),
      ],
      ['sh', '-c', 'while [ ! -f /start.sh ]; do sleep 0.1; done; exec /start.sh'],
    )
    const script = fileWith(
      'start.sh',
      [
        '#!/bin/bash',
        'export KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:9093,BROKER://$(hostname):9092',
        "echo 'clientPort=2181' > zookeeper.properties",
        "echo 'dataDir=/var/lib/zookeeper/data' >> zookeeper.properties",
        'zookeeper-server-start zookeeper.properties &',
        "echo '' > /etc/confluent/docker/ensure",
        '/etc/confluent/docker/configure',
        'exec /etc/confluent/docker/run',
        '',
      ].join('\n'),
    )
    fs.chmodSync(script, 0o755)
    await run(['docker', 'cp', script, `${container}:/start.sh`])
    await untilStarted(container)
    assert.match(await logs(container), /listener\.name\.broker\.scram-sha-256\.x/)
    const ready = ['docker', 'exec', container, 'cub', 'kafka-ready', '-b', 'localhost:9093']
    await run([...ready, '1', '20'])
    assert.notEqual((await tryRun([...ready, '2', '1'])).code, 0)
    const shell = ['docker', 'exec', container, 'zookeeper-shell', 'localhost:2181']
    const { stdout, stderr } = await tryRun([...shell, 'ls', '/brokers/ids'])
    assert.match(stdout, /\[?1\]?/)
    assert.equal(stderr, '')
  })
})
