/** `/metrics` of running brokers: Kafka's names, true values, and no others in our board and alerts. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { type ExposedSample, pagesOf, scrape } from '../support/broker-pages.ts'
import { until } from '../support/until.ts'

/** What boards and alerts for Kafka rest on, by the exporter's names. Groups are not there yet. */
const WANTED = `
kafka_controller_kafkacontroller_activecontrollercount
kafka_controller_kafkacontroller_offlinepartitionscount
kafka_controller_kafkacontroller_globaltopiccount
kafka_controller_kafkacontroller_globalpartitioncount
kafka_controller_kafkacontroller_preferredreplicaimbalancecount
kafka_controller_kafkacontroller_controllerstate
kafka_controller_kafkacontroller_activebrokercount
kafka_controller_controllerstats_leaderelectionrateandtimems{quantile="0.99"}
kafka_controller_controllerstats_leaderelectionrateandtimems_count
kafka_controller_controllerstats_uncleanleaderelections_total
kafka_controller_controllereventmanager_eventqueuesize
kafka_server_replicamanager_underreplicatedpartitions
kafka_server_replicamanager_underminisrpartitioncount
kafka_server_replicamanager_atminisrpartitioncount
kafka_server_replicamanager_leadercount
kafka_server_replicamanager_partitioncount
kafka_server_replicamanager_offlinereplicacount
kafka_server_replicamanager_isrshrinks_total
kafka_server_replicamanager_isrexpands_total
kafka_server_replicamanager_failedisrupdates_total
kafka_server_brokertopicmetrics_messagesin_total
kafka_server_brokertopicmetrics_messagesin_total{topic="orders"}
kafka_server_brokertopicmetrics_bytesin_total{topic="orders"}
kafka_server_brokertopicmetrics_bytesout_total{topic="orders"}
kafka_server_brokertopicmetrics_failedproducerequests_total{topic="orders"}
kafka_server_brokertopicmetrics_failedfetchrequests_total{topic="orders"}
kafka_server_replicafetchermanager_maxlag
kafka_server_sessionexpirelistener_sessionstate
kafka_server_sessionexpirelistener_zookeeperdisconnects_total
kafka_server_sessionexpirelistener_zookeeperexpires_total
kafka_server_sessionexpirelistener_zookeepersyncconnects_total
kafka_server_sessionexpirelistener_zookeeperauthfailures_total
kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms{quantile="0.50"}
kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_count
kafka_network_requestmetrics_requests_total{request="Produce"}
kafka_network_requestmetrics_totaltimems{request="FetchFollower",quantile="0.99"}
kafka_network_requestmetrics_totaltimems{request="Produce",quantile="0.999"}
kafka_network_requestmetrics_totaltimems_count{request="FetchConsumer"}
kafka_network_requestchannel_requestqueuesize
kafka_server_delayedoperationpurgatory_purgatorysize{delayedOperation="Fetch"}
kafka_server_delayedoperationpurgatory_purgatorysize{delayedOperation="Produce"}
kafka_log_log_size{topic="orders",partition="0"}
kafka_log_log_logendoffset{topic="orders",partition="0"}
kafka_log_log_logstartoffset{topic="orders",partition="0"}
kafka_log_log_numlogsegments{topic="orders",partition="0"}
nodejs_eventloop_lag_seconds
nodejs_eventloop_lag_p99_seconds
process_resident_memory_bytes
failover_phase_seconds{phase="controller_elected"}
failover_phase_seconds{phase="context_loaded"}
failover_phase_seconds{phase="leaders_elected"}
failover_phase_seconds{phase="brokers_told"}
zk_last_heard_seconds
`
const DOCS = path.join(import.meta.dirname, '../../docs')
const PARTITIONS = 4
const VALUE = 'x'.repeat(1_000)

let cluster: TestCluster
let pages: string[]

before(async () => {
  cluster = await startCluster({
    brokers: 2,
    config: { 'samsa.http.listener': '127.0.0.1:0', 'min.insync.replicas': '2' },
    topics: [{ name: 'orders', partitions: PARTITIONS, replicationFactor: 2 }],
  })
  pages = await Promise.all([1, 2].map((id) => pagesOf(cluster.zookeeperAddress, id)))
  const client = new PartitionClient(cluster.client)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await client.produce('orders', partition, [buildBatch([{ value: VALUE }, { value: VALUE }])])
    await client.fetch('orders', partition, 0)
  }
})

after(() => cluster?.close())

async function scrapeAll(): Promise<ExposedSample[]> {
  return (await Promise.all(pages.map(scrape))).flat()
}

function valuesOf(
  samples: readonly ExposedSample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number[] {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => (sample.labels[key] ?? '') === value),
    )
    .map(({ value }) => value)
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** `name{label="value"}`, as the lines above. */
function parseWanted(line: string): { name: string; labels: Record<string, string> } {
  const [name = '', rest = ''] = line.split('{')
  const pairs = [...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])
  return { name, labels: Object.fromEntries(pairs) }
}

test('a running cluster exposes every name that boards and alerts for Kafka rest on', async () => {
  const samples = await scrapeAll()
  const missing = WANTED.trim()
    .split('\n')
    .filter((line) => {
      const { name, labels } = parseWanted(line)
      return valuesOf(samples, name, labels).length === 0
    })
  assert.deepEqual(missing, [])
})

test('no sample is told twice', async () => {
  for (const page of pages) {
    const keys = (await scrape(page)).map(({ name, labels }) => `${name}${JSON.stringify(labels)}`)
    assert.equal(new Set(keys).size, keys.length)
  }
})

test('the values are true', async () => {
  const samples = await scrapeAll()
  const total = (name: string, labels = {}) => sum(valuesOf(samples, name, labels))
  const controller = 'kafka_controller_kafkacontroller'
  assert.equal(total(`${controller}_activecontrollercount`), 1)
  assert.equal(total(`${controller}_globalpartitioncount`), PARTITIONS)
  assert.equal(total(`${controller}_activebrokercount`), 2)
  assert.equal(total(`${controller}_offlinepartitionscount`), 0)
  assert.equal(total('kafka_server_replicamanager_leadercount'), PARTITIONS)
  assert.equal(total('kafka_server_replicamanager_partitioncount'), 2 * PARTITIONS)
  assert.equal(total('kafka_server_replicamanager_atminisrpartitioncount'), PARTITIONS)
  const topics = 'kafka_server_brokertopicmetrics'
  assert.equal(total(`${topics}_messagesin_total`, { topic: 'orders' }), 2 * PARTITIONS)
  assert.equal(total(`${topics}_messagesin_total`, { topic: '' }), 2 * PARTITIONS)
  const bytesIn = total(`${topics}_bytesin_total`, { topic: 'orders' })
  assert.ok(bytesIn > 2 * PARTITIONS * VALUE.length)
  assert.equal(total(`${topics}_bytesout_total`, { topic: 'orders' }), bytesIn)
  assert.equal(total('kafka_log_log_size'), 2 * bytesIn)
  assert.equal(total('kafka_log_log_logendoffset'), 4 * PARTITIONS)
  assert.equal(total('kafka_network_requestmetrics_requests_total', { request: 'Produce' }), 4)
  assert.equal(total('kafka_network_requestmetrics_totaltimems_count', { request: 'Produce' }), 4)
  for (const heard of valuesOf(samples, 'zk_last_heard_seconds')) assert.ok(heard < 60)
  for (const rss of valuesOf(samples, 'process_resident_memory_bytes')) assert.ok(rss > 2 ** 24)
  for (const state of valuesOf(samples, 'kafka_server_kafkaserver_brokerstate')) {
    assert.equal(state, 3)
  }
})

/** Names and label matchers in a PromQL expression. */
function usedIn(expression: string): { name: string; labels: string[] }[] {
  const metric = /\b((?:kafka|nodejs|process|zk|failover)_[a-z0-9_]+)(?:\{([^}]*)\})?/g
  return [...expression.matchAll(metric)].map(([, name = '', matchers = '']) => ({
    name,
    labels: [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label!),
  }))
}

async function assertExposed(expressions: readonly string[]): Promise<void> {
  const samples = await scrapeAll()
  const problems: string[] = []
  for (const expression of expressions) {
    const used = usedIn(expression)
    if (used.length === 0 && !/^up\b/.test(expression)) problems.push(`nothing in: ${expression}`)
    for (const { name, labels } of used) {
      // Prometheus adds these two.
      const own = labels.filter((label) => label !== 'instance' && label !== 'job')
      const isKnown = samples.some(
        (sample) => sample.name === name && own.every((label) => label in sample.labels),
      )
      if (!isKnown) problems.push(`${name}{${own.join(',')}}`)
    }
  }
  assert.deepEqual(problems, [])
}

test('the alerts use only what is exposed', async () => {
  const text = fs.readFileSync(path.join(DOCS, 'alerts/samsa.rules.yml'), 'utf8')
  const expressions = [...text.matchAll(/^ +expr: '(.*)'$/gm)].map(([, quoted]) =>
    quoted!.replaceAll("''", "'"),
  )
  assert.equal(expressions.length, text.split('- alert: ').length - 1)
  await assertExposed(expressions)
})

test('the board uses only what is exposed', async () => {
  const board = JSON.parse(fs.readFileSync(path.join(DOCS, 'grafana/samsa.json'), 'utf8'))
  const panels = board.panels as { targets?: { expr: string }[] }[]
  const expressions = panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr)
  const variables = board.templating.list as { query: { query?: string } | string }[]
  const queries = variables.flatMap(({ query }) =>
    typeof query === 'string' ? [] : [query.query ?? ''],
  )
  assert.ok(expressions.length > 20 && queries.length > 0)
  await assertExposed([...expressions, ...queries])
})

test('a broker that ends its session, or is stopped, is seen by the other', async () => {
  await cluster.broker(2).stop()
  const [survivor = ''] = pages
  await until('the loss is told', async () => {
    const samples = await scrape(survivor)
    const value = (name: string) => valuesOf(samples, name)[0]
    return (
      value('kafka_server_replicamanager_underreplicatedpartitions') === PARTITIONS &&
      value('kafka_server_replicamanager_underminisrpartitioncount') === PARTITIONS &&
      value('kafka_controller_kafkacontroller_activebrokercount') === 1
    )
  })
  const ready = await fetch(`${survivor}/readyz`)
  assert.deepEqual([ready.status, await ready.json()], [200, { ready: true }])
  await cluster.broker(2).start()
  await cluster.ready()
  assert.equal(cluster.expireSession({ broker: 1 }), true)
  await until('the expiry is told', async () => {
    const samples = await scrape(survivor)
    return sum(valuesOf(samples, 'kafka_server_sessionexpirelistener_zookeeperexpires_total')) > 0
  })
  await until('it is ready again', async () => (await fetch(`${survivor}/readyz`)).status === 200)
})
