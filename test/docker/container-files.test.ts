/** What the container files say about the program is true. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/broker/config.ts'
import { placeOf } from '../../src/chaos/proxy/remote-edges.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { ALLOCATOR_SETTINGS } from '../../src/devcluster/child.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const DOCKERFILE = read('docker/Dockerfile')
const COMPOSE = read('compose.yaml')
const WITH_PROXIES = read('docker/compose.proxies.yaml')

/** As Compose fills them in when nothing else is said. */
function withDefaults(text: string): string {
  return text.replace(/\$\{\w+:-([^}]*)\}/g, '$1')
}

test('the image gives the allocator what samsa up gives it', () => {
  for (const [name, value] of Object.entries(ALLOCATOR_SETTINGS)) {
    assert.ok(DOCKERFILE.includes(`${name}=${value}`), name)
  }
})

test('every tool that stands in for one of Kafka says so where the image looks', () => {
  const pattern = /\((kafka-[a-z-]*)\)$/
  const named = COMMANDS.map(({ summary }) => pattern.exec(summary)?.[1]).filter(Boolean)
  for (const name of ['kafka-topics', 'kafka-configs', 'kafka-console-producer']) {
    assert.ok(named.includes(name), name)
  }
  const others = COMMANDS.filter(({ summary }) => !pattern.test(summary))
  assert.deepEqual(
    others.filter(({ summary }) => summary.includes('kafka-')),
    [],
  )
})

test('the settings of the compose file are settings, and go together', () => {
  const common = /^x-broker-environment:.*?^services:/ms.exec(COMPOSE)![0]
  for (const id of [1, 2, 3]) {
    const own = new RegExp(`^ {2}kafka-${id}:.*?\\n\\n`, 'ms').exec(COMPOSE)![0]
    const pairs = [...withDefaults(common + own).matchAll(/^ +(KAFKA_\w+): "?(.*?)"?$/gm)]
    const env = Object.fromEntries(pairs.map(([, name, value]) => [name, value]))
    const { config, warnings } = loadConfig({ env })
    assert.deepEqual(warnings, [])
    assert.equal(config['broker.id'], id)
    assert.equal(
      config['advertised.listeners'],
      `PLAINTEXT://kafka-${id}:29092,PLAINTEXT_HOST://localhost:${9091 + id}`,
    )
    assert.equal(config['min.insync.replicas'], 2)
    assert.ok(own.includes(`ports: ["127.0.0.1:\${KAFKA_${id}_PORT:-${9091 + id}}:9092"]`))
  }
})

test('one service builds the image: two at once would fail where nothing is built yet', () => {
  assert.equal([...COMPOSE.matchAll(/^ +build:/gm)].length, 1)
  assert.doesNotMatch(WITH_PROXIES, /build:/)
  for (const text of [COMPOSE, WITH_PROXIES]) {
    const images = [...text.matchAll(/^ +image: \$\{SAMSA_IMAGE.*\n(?: +#.*\n)*(.*)$/gm)]
    assert.deepEqual(
      images.map(([, next]) => next!.trim()),
      ['pull_policy: never'],
    )
  }
})

test('a change of the source installs nothing again; nothing is for one architecture only', () => {
  for (const stage of DOCKERFILE.split(/^FROM /m)) {
    const [install, source] = [stage.lastIndexOf('npm ci'), stage.indexOf('COPY src')]
    assert.ok(source === -1 || install < source)
  }
  assert.doesNotMatch(DOCKERFILE, /amd64|x86_64|x64|--platform/)
})

test('the brokers connect to the proxies that there are, each to its own', () => {
  const proxies = JSON.parse(read('docker/proxies.json')) as Record<string, string>[]
  const edges = new Map<string, string>()
  for (const id of [1, 2, 3]) {
    const own = new RegExp(`^ {2}kafka-${id}:.*?\\n\\n`, 'ms').exec(WITH_PROXIES)![0]
    edges.set(`broker-${id}-to-zookeeper`, /CONNECT: proxies(:\d+)$/m.exec(own)![1]!)
    for (const [, to, port] of own.matchAll(/(\d)=proxies(:\d+)/g)) {
      edges.set(`broker-${id}-to-broker-${to}`, port!)
    }
  }
  assert.deepEqual(new Map(proxies.map(({ name, listen }) => [name!, listen!])), edges)
  for (const { name, upstream } of proxies) {
    const { to } = placeOf(name!)!
    assert.equal(upstream, to === null ? 'zookeeper:2181' : `kafka-${to}:29092`)
  }
  assert.equal(new Set(edges.values()).size, 9)
  const files = /^COMPOSE_FILE=(.*)$/m.exec(read('docker/proxies.env'))![1]!.split(':')
  assert.deepEqual(files, ['compose.yaml', 'docker/compose.proxies.yaml'])
})

test('every variable that the ensemble sets is one that the compose file uses', () => {
  const names = [...read('docker/ensemble.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name!)
  for (const name of names.filter((each) => !each.startsWith('COMPOSE_'))) {
    assert.ok(COMPOSE.includes(`\${${name}:-`), name)
  }
})

test('every setting of the compose file that people may change is explained', () => {
  const docs = read('docs/containers.md')
  for (const [, name] of (COMPOSE + WITH_PROXIES).matchAll(/\$\{(\w+):-/g)) {
    assert.ok(docs.includes(`\`${name}\``), `docs/containers.md does not tell of ${name}`)
  }
})
