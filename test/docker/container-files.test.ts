/** What the container files say about the program is true. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/broker/config.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { ALLOCATOR_SETTINGS } from '../../src/devcluster/child.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8')
const DOCKERFILE = read('docker/Dockerfile')
const COMPOSE = read('compose.yaml')

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

test('every variable that the ensemble sets is one that the compose file uses', () => {
  const names = [...read('docker/ensemble.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name!)
  for (const name of names.filter((each) => !each.startsWith('COMPOSE_'))) {
    assert.ok(COMPOSE.includes(`\${${name}:-`), name)
  }
})

test('every setting of the compose file that people may change is explained', () => {
  const docs = read('docs/containers.md')
  for (const [, name] of COMPOSE.matchAll(/\$\{(\w+):-/g)) {
    assert.ok(docs.includes(`\`${name}\``), `docs/containers.md does not tell of ${name}`)
  }
})
