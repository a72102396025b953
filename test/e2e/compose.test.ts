/**
 * The real compose file, from outside: an engine builds the image, stock clients use the cluster,
 * containers are killed. Minutes, not milliseconds: `npm run test:e2e`.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseEventLines } from '../../src/dashboard/history/event-lines.ts'
import { type Failover, foldFailovers } from '../../src/dashboard/history/failovers.ts'
import { checkPorts } from '../../src/devcluster/ports.ts'
import { ComposeProject, findCompose, hasProgram, run, tryRun } from '../support/compose-project.ts'
import { KCAT_DOCKERFILE, KcatWriter, numbered } from '../support/kcat.ts'
import { until } from '../support/until.ts'

const IMAGE = 'samsa-e2e'
const KCAT_IMAGE = 'samsa-e2e-kcat'
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3']
const INSIDE = 'kafka-1:29092,kafka-2:29092,kafka-3:29092'
const SHOWN_PHASES = [
  'connection-lost',
  'registration-gone',
  'controller-gone',
  'controller-elected',
  'epoch-bumped',
  'partitions-elected',
  'brokers-told',
]
const HEALTHY_MS = 180_000
const ISR_MS = 60_000

const compose = findCompose()
const skip = 'missing' in compose ? compose.missing : false
const hostKcat = hasProgram('kcat')

/**
 * Ports that are free, and not among those that any connection may be given: they are taken much
 * later than they are chosen.
 */
async function freePorts(count: number): Promise<number[]> {
  for (let base = 20_000 + (process.pid % 1000) * 10; ; base += count) {
    const ports = Array.from({ length: count }, (_, at) => base + at)
    const wanted = ports.map((port) => ({ name: 'a container', port, flag: '' }))
    const areFree = checkPorts('127.0.0.1', wanted).then(
      () => true,
      () => false,
    )
    if (await areFree) return ports
  }
}

/** One project on free ports; what clients on this machine connect to. */
async function makeProject(suffix: string, envFile?: string) {
  assert.ok('command' in compose)
  const [one, two, three, dashboard, proxies] = await freePorts(5)
  const project = new ComposeProject({
    compose: compose.command,
    name: `samsa-e2e-${suffix}-${process.pid}`,
    ...(envFile === undefined ? {} : { envFile }),
    env: {
      SAMSA_IMAGE: IMAGE,
      KAFKA_1_PORT: String(one),
      KAFKA_2_PORT: String(two),
      KAFKA_3_PORT: String(three),
      DASHBOARD_PORT: String(dashboard),
      PROXY_API_PORT: String(proxies),
      SAMSA_DASHBOARD_TOKEN: 'e2e',
    },
  })
  const outside = [one, two, three].map((port) => `localhost:${port}`).join(',')
  return { project, outside, dashboard: `http://127.0.0.1:${dashboard}` }
}

class Cluster {
  readonly project: ComposeProject
  readonly outside: string
  readonly dashboard: string

  constructor(made: Awaited<ReturnType<typeof makeProject>>) {
    this.project = made.project
    this.outside = made.outside
    this.dashboard = made.dashboard
  }

  /** kcat as people have it: on this machine, or else in a container of the network. */
  kcat(where: 'host' | 'container' = hostKcat ? 'host' : 'container'): readonly string[] {
    if (where === 'host') return ['kcat', '-b', this.outside]
    const network = ['--network', this.project.network]
    return ['docker', 'run', '--rm', '-i', ...network, KCAT_IMAGE, 'kcat', '-b', INSIDE]
  }

  /** The shell of ZooKeeper; its last line is what was asked for. */
  async znode(path: string, service = 'zookeeper'): Promise<Record<string, unknown>> {
    const output = await this.project.exec(service, ['zkCli.sh', 'get', path])
    const line = output.split('\n').find((each) => each.startsWith('{'))
    assert.ok(line, `${path}: ${output}`)
    return JSON.parse(line) as Record<string, unknown>
  }

  async controller(service?: string): Promise<number> {
    return Number((await this.znode('/controller', service)).brokerid)
  }

  /** Registered ones. */
  async brokerIds(): Promise<number[]> {
    const output = await this.project.exec('zookeeper', ['zkCli.sh', 'ls', '/brokers/ids'])
    const list = /^\[([\d, ]*)\]$/m.exec(output)
    assert.ok(list, output)
    return list[1]!.split(',').map(Number).sort()
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    const state = await this.znode(`/brokers/topics/${topic}/partitions/${partition}/state`)
    return Number(state.leader)
  }

  topics(through: string, ...args: readonly string[]): Promise<string> {
    const server = ['--bootstrap-server', 'localhost:29092']
    return this.project.exec(through, ['kafka-topics.sh', ...server, ...args])
  }

  create(topic: string): Promise<string> {
    const shape = ['--partitions', '6', '--replication-factor', '3']
    return this.topics('kafka-1', '--create', '--topic', topic, ...shape)
  }

  async untilIsrIsFull(): Promise<void> {
    for (const broker of BROKERS) {
      await until(
        `${broker} sees no partition under-replicated`,
        async () => {
          const args = ['--describe', '--under-replicated-partitions']
          return (await this.topics(broker, ...args)).trim() === ''
        },
        { deadlineMs: ISR_MS, lookEveryMs: 500 },
      )
    }
  }

  /** As the page shows them, oldest first. */
  async failovers(): Promise<Failover[]> {
    const history = await (await fetch(`${this.dashboard}/api/history`)).text()
    return foldFailovers(parseEventLines(history).events)
  }

  /** Values of the topic by partition, in the order in which they can be read. */
  async consume(topic: string): Promise<string[][]> {
    const output = await run([...this.kcat(), '-C', '-e', '-q', '-t', topic, '-f', '%p %s\n'], {
      timeoutMs: 120_000,
    })
    const partitions: string[][] = []
    for (const line of output.trimEnd().split('\n')) {
      const [partition = '', value = ''] = line.split(' ')
      partitions[Number(partition)] ??= []
      partitions[Number(partition)]!.push(value)
    }
    return partitions
  }

  /** Writes while `disturb` does its worst; nothing that was acknowledged may be missing. */
  async writeThrough(topic: string, disturb: () => Promise<void>): Promise<KcatWriter> {
    await this.create(topic)
    const writer = new KcatWriter([...this.kcat(), '-P', '-t', topic])
    try {
      await writer.writes(200)
      await disturb()
      await writer.writes(200)
      await writer.end()
    } finally {
      writer.kill()
    }
    const partitions = await this.consume(topic)
    const read = new Set(partitions.flat())
    const lost = writer.written.filter((value) => !read.has(value))
    assert.deepEqual(lost, [], `${lost.length} of ${writer.written.length} acknowledged are lost`)
    // What was sent again may be there twice, but what came later is never before what came earlier.
    for (const values of partitions) {
      const numbers = [...new Set(values)].map((value) => Number(value.replace('value-', '')))
      assert.deepEqual(
        numbers,
        [...numbers].sort((left, right) => left - right),
      )
    }
    return writer
  }
}

describe('docker compose up', { skip, timeout: 1_200_000 }, () => {
  let cluster: Cluster

  before(async () => {
    cluster = new Cluster(await makeProject('one'))
    await run(['docker', 'build', '-t', KCAT_IMAGE, '-'], {
      input: KCAT_DOCKERFILE,
      timeoutMs: 300_000,
    })
    await cluster.project.compose(['build'], { timeoutMs: 600_000 })
  })

  after(async () => {
    if (cluster === undefined) return
    await cluster.project.remove()
    if (process.env.SAMSA_E2E_KEEP_IMAGES === undefined) {
      await tryRun(['docker', 'rmi', IMAGE, KCAT_IMAGE])
    }
  })

  test('it gets healthy, from nothing', async (t) => {
    const startMs = performance.now()
    await cluster.project.compose(['up', '-d', '--no-build'], { timeoutMs: HEALTHY_MS })
    await cluster.project.untilHealthy(['zookeeper', ...BROKERS, 'dashboard'], HEALTHY_MS)
    t.diagnostic(`healthy after ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
    const size = await run(['docker', 'image', 'inspect', '-f', '{{.Size}}', IMAGE])
    t.diagnostic(`the image has ${Math.round(Number(size) / 1024 / 1024)} MiB`)
  })

  test('up once more leaves all as it is', async () => {
    const services = ['zookeeper', ...BROKERS, 'dashboard']
    const lives = () =>
      Promise.all(services.map((each) => cluster.project.inspect(each, '{{.Id}} {{.State.Pid}}')))
    const before = await lives()
    await cluster.project.compose(['up', '-d', '--no-build'])
    assert.deepEqual(await lives(), before)
  })

  test('brokers are no root and have Kafka its tools', async () => {
    assert.equal((await cluster.project.exec('kafka-1', ['id', '-un'])).trim(), 'node')
    const tini = await cluster.project.exec('kafka-1', ['cat', '/proc/1/comm'])
    assert.equal(tini.trim(), 'tini')
    const server = ['--bootstrap-server', 'localhost:9092']
    const versions = await cluster.project.exec('kafka-2', ['kafka-broker-api-versions', ...server])
    assert.match(versions, /kafka-3|localhost/)
    assert.equal((await cluster.topics('kafka-3', '--list')).trim(), '')
  })

  for (const where of ['host', 'container'] as const) {
    const noKcat = where === 'host' && !hostKcat ? 'kcat is not installed' : false
    test(`kcat on the ${where} produces and consumes`, { skip: noKcat }, async () => {
      const topic = `from-${where}`
      await cluster.create(topic)
      const lines = numbered(topic, 10_000)
      const kcat = cluster.kcat(where)
      await run([...kcat, '-P', '-t', topic, '-X', 'acks=all'], {
        input: `${lines.join('\n')}\n`,
        timeoutMs: 120_000,
      })
      const output = await run([...kcat, '-C', '-e', '-q', '-t', topic], { timeoutMs: 120_000 })
      assert.deepEqual(output.trimEnd().split('\n').sort(), [...lines].sort())
    })
  }

  test('the shell of ZooKeeper shows the controller and the states', async () => {
    const controller = await cluster.znode('/controller')
    assert.ok([1, 2, 3].includes(Number(controller.brokerid)), JSON.stringify(controller))
    await cluster.create('looked-at')
    const state = await cluster.znode('/brokers/topics/looked-at/partitions/0/state')
    assert.deepEqual([...(state.isr as number[])].sort(), [1, 2, 3])
    assert.equal(state.leader_epoch, 0)
  })

  test('the dashboard answers on this machine', async () => {
    const page = await fetch(cluster.dashboard)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<html/)
    assert.equal((await fetch(`${cluster.dashboard}/api/health`)).status, 200)
  })

  test('the container of the controller is killed, and stays dead until it is started', async (t) => {
    const old = await cluster.controller()
    const service = `kafka-${old}`
    await cluster.writeThrough('controller-dies', async () => {
      await cluster.project.compose(['kill', service])
      await untilChanged('the controller', () => cluster.controller(), old)
    })
    const shown = (await cluster.failovers()).findLast(({ brokerId }) => brokerId === old)
    assert.ok(shown?.wasController, `the page shows no failover of broker ${old}`)
    for (const { kind, endMs, text } of shown.phases) {
      t.diagnostic(`${kind}: ${endMs.toFixed(0)} ms, ${text}`)
    }
    const kinds = new Set<string>(shown.phases.map(({ kind }) => kind))
    for (const kind of SHOWN_PHASES) assert.ok(kinds.has(kind), `the page misses ${kind}`)
    assert.equal(await cluster.project.inspect(service, '{{.State.Status}}'), 'exited')
    assert.equal(await cluster.project.inspect(service, '{{.RestartCount}}'), '0')
    await cluster.project.compose(['start', service])
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('the container of a leader is killed', async () => {
    await cluster.writeThrough('leader-dies', async () => {
      const old = await cluster.leaderOf('leader-dies', 0)
      await cluster.project.compose(['kill', `kafka-${old}`])
      await untilChanged('the leader', () => cluster.leaderOf('leader-dies', 0), old)
      await cluster.project.compose(['start', `kafka-${old}`])
    })
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('a broker that is stopped hands over and ends with 0', async () => {
    await cluster.writeThrough('leader-stops', async () => {
      await cluster.project.compose(['stop', 'kafka-2'])
      assert.equal(await cluster.project.inspect('kafka-2', '{{.State.ExitCode}}'), '0')
      await cluster.project.compose(['start', 'kafka-2'])
    })
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('restarting a broker loses nothing', async () => {
    await cluster.writeThrough('restarted', async () => {
      await cluster.project.compose(['restart', 'kafka-2'])
    })
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('brokers stop within their grace period while ZooKeeper is away', async () => {
    await cluster.project.compose(['kill', 'zookeeper'])
    await cluster.project.compose(['stop', ...BROKERS], { timeoutMs: 120_000 })
    for (const broker of BROKERS) {
      assert.equal(await cluster.project.inspect(broker, '{{.State.ExitCode}}'), '0', broker)
    }
    await cluster.project.compose(['start', 'zookeeper'])
    await cluster.project.compose(['start', ...BROKERS], { timeoutMs: 120_000 })
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('a broker that is killed from inside comes back by itself', async () => {
    const pid = async () => Number(await cluster.project.inspect('kafka-3', '{{.State.Pid}}'))
    const old = await pid()
    await cluster.writeThrough('fault', async () => {
      const ask =
        "fetch('http://kafka-3:9404/faults',{method:'POST',body:'{\"kind\":\"kill\"}'," +
        "headers:{'content-type':'application/json'}}).then(r=>console.log(r.status),()=>{})"
      await cluster.project.exec('kafka-1', ['node', '-e', ask])
      await untilChanged('the process', pid, old, (now) => now > 0)
    })
    assert.ok(Number(await cluster.project.inspect('kafka-3', '{{.RestartCount}}')) >= 1)
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
  })

  test('a broker whose disk is full for the dashboard ends, and its container starts it again', async () => {
    const chaos = (...words: readonly string[]) =>
      cluster.project.exec('dashboard', ['samsa', 'chaos', ...words])
    const pid = async () => Number(await cluster.project.inspect('kafka-3', '{{.State.Pid}}'))
    const old = await pid()
    await cluster.writeThrough('full', async () => {
      const told = await chaos('disk-full', '--broker', '3', '--for', '8s')
      assert.match(told, /disk of broker 3 full for 8 s, its container starts it again/)
      await untilChanged('the process', pid, old, (now) => now > 0)
    })
    const isOver = async () => (await chaos('list')).endsWith('Active:\n  none\n')
    await until('the fault is over', isOver, { deadlineMs: 60_000, lookEveryMs: 500 })
    await cluster.project.untilHealthy(BROKERS, HEALTHY_MS)
    await cluster.untilIsrIsFull()
    const failover = (await cluster.failovers()).findLast(({ brokerId }) => brokerId === 3)
    assert.match(failover?.title ?? '', /^full disk of broker 3/)
    assert.ok(failover?.phases.some(({ kind }) => kind === 'log-dir-failed'))
    assert.equal(failover?.failure, null)
  })

  test('down and up keep topics and records', async () => {
    const topics = await cluster.topics('kafka-1', '--list')
    const records = await cluster.consume('leader-dies')
    await cluster.project.compose(['down'], { timeoutMs: 120_000 })
    await cluster.project.compose(['up', '-d', '--no-build'], { timeoutMs: HEALTHY_MS })
    await cluster.project.untilHealthy([...BROKERS, 'dashboard'], HEALTHY_MS)
    await cluster.untilIsrIsFull()
    assert.equal(await cluster.topics('kafka-1', '--list'), topics)
    assert.deepEqual(await cluster.consume('leader-dies'), records)
  })
})

describe('docker compose up with the ensemble', { skip, timeout: 600_000 }, () => {
  let cluster: Cluster

  before(async () => {
    cluster = new Cluster(await makeProject('three', 'docker/ensemble.env'))
    await cluster.project.compose(['build'], { timeoutMs: 600_000 })
  })
  after(() => cluster?.project.remove())

  test('one ZooKeeper after the other is killed, and clients do not notice', async (t) => {
    const nodes = ['zookeeper', 'zookeeper-2', 'zookeeper-3']
    await cluster.project.compose(['up', '-d', '--no-build'], { timeoutMs: HEALTHY_MS })
    await cluster.project.untilHealthy([...nodes, ...BROKERS], HEALTHY_MS)
    const writer = await cluster.writeThrough('ensemble', async () => {
      for (const node of nodes) {
        await cluster.project.compose(['kill', node])
        const other = nodes.find((each) => each !== node)!
        const answered = () => cluster.controller(other).catch(() => 0)
        await until(`${other} serves`, async () => (await answered()) > 0, { lookEveryMs: 300 })
        await cluster.project.compose(['start', node])
        await cluster.project.untilHealthy(nodes, HEALTHY_MS)
      }
    })
    t.diagnostic(`${writer.written.length} records, none lost`)
    await cluster.untilIsrIsFull()
  })
})

describe('docker compose up with proxies', { skip, timeout: 600_000 }, () => {
  let cluster: Cluster

  before(async () => {
    cluster = new Cluster(await makeProject('proxies', 'docker/proxies.env'))
    await cluster.project.compose(['build'], { timeoutMs: 600_000 })
  })
  after(() => cluster?.project.remove())

  const chaos = (...words: readonly string[]) =>
    cluster.project.exec('dashboard', ['samsa', 'chaos', ...words])

  test('a broker that is cut from ZooKeeper loses its session, and comes back', async () => {
    await cluster.project.compose(['up', '-d', '--no-build'], { timeoutMs: HEALTHY_MS })
    const others = ['zookeeper', 'proxies', 'dashboard']
    await cluster.project.untilHealthy([...others, ...BROKERS], HEALTHY_MS)
    await until('the dashboard knows the proxies', async () =>
      /^ *cut-zookeeper +brokers 1, 2, 3/m.test(await chaos('list')),
    )
    assert.match(await chaos('list'), /^ *cut-peers +brokers 1, 2, 3/m)
    await cluster.writeThrough('cut', async () => {
      await chaos('cut-zookeeper', '--broker', '2', '--for', '15s')
      const ids = async () => (await cluster.brokerIds()).join()
      const look = { deadlineMs: 60_000, lookEveryMs: 300 }
      await until('its session has expired', async () => (await ids()) === '1,3', look)
      await until('it is back', async () => (await ids()) === '1,2,3', look)
    })
    await cluster.untilIsrIsFull()
    const shown = (await cluster.failovers()).findLast(({ brokerId }) => brokerId === 2)
    assert.ok(shown?.phases.some(({ kind }) => kind === 'registration-gone'))
  })

  test('a broker that is cut from the others for a while loses nothing', async () => {
    await cluster.writeThrough('lonely', async () => {
      await chaos('cut-peers', '--broker', '3', '--for', '3s')
      await until('it is over', async () => /Active:\n *none/.test(await chaos('list')), {
        deadlineMs: 60_000,
        lookEveryMs: 300,
      })
    })
    await cluster.untilIsrIsFull()
  })
})

async function untilChanged(
  what: string,
  read: () => Promise<number>,
  old: number,
  isValid: (value: number) => boolean = () => true,
): Promise<void> {
  await until(
    `${what} is another one than ${old}`,
    async () => {
      // While nobody is there the shell finds no node.
      const now = await read().catch(() => old)
      return now !== old && isValid(now)
    },
    { deadlineMs: 60_000, lookEveryMs: 200 },
  )
}
