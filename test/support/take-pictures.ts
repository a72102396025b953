/**
 * Takes the pictures of docs/watching-a-failover.md anew: starts a cluster, hurts it as the guide does, and
 * photographs its page. Needs Chromium. `node test/support/take-pictures.ts [folder]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import type { Browser, Page } from 'playwright-core'
import type { ClusterState } from '../../src/dashboard/state-fold.ts'
import { freePorts } from '../../src/devcluster/ports.ts'
import { noBrowser, openBrowser, openPage } from './page-browser.ts'
import { repacked } from './png.ts'
import { until } from './until.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const MAIN = path.join(ROOT, 'src/main.ts')
const WIDTH = 1280
const HEIGHT = 900
/** Around a part of the page. */
const EDGE = 8
const PATIENCE = { deadlineMs: 60_000, lookEveryMs: 200 }
/** A fault is ended by us when its picture is taken. */
const FAULT_MS = 60_000

type Failover = ClusterState['failovers'][number]
type PhaseKind = Failover['phases'][number]['kind']

class Photographer {
  readonly #url: string
  readonly #page: Page
  readonly #folder: string

  constructor(url: string, page: Page, folder: string) {
    this.#url = url
    this.#page = page
    this.#folder = folder
  }

  async state(): Promise<ClusterState> {
    return (await (await fetch(`${this.#url}/api/state`)).json()) as ClusterState
  }

  async until(what: string, isSo: (state: ClusterState) => boolean): Promise<ClusterState> {
    let state = await this.state()
    await until(
      what,
      async () => {
        state = await this.state()
        return isSo(state)
      },
      PATIENCE,
    )
    return state
  }

  /** Everybody is there, in sync and leads his own, and a client has been writing for a while. */
  async untilQuiet(forMs: number): Promise<ClusterState> {
    const isWell = ({ brokers, partitions, verdict }: ClusterState) =>
      brokers.every((broker) => broker.isRegistered) &&
      partitions.length >= 6 &&
      partitions.every(({ isr, replicas }) => isr.length === replicas.length) &&
      partitions.every(({ leader, replicas }) => leader === replicas[0]) &&
      (verdict?.acked ?? 0) > 0
    await this.until('the cluster is well', isWell)
    await pause(forMs)
    return this.until('the cluster is well', isWell)
  }

  async hurt(kind: string, target: number): Promise<void> {
    await this.#post('/api/faults', { kind, target, forMs: FAULT_MS })
  }

  async heal(): Promise<void> {
    const { active } = (await (await fetch(`${this.#url}/api/faults`)).json()) as {
      active: { id: string }[]
    }
    for (const { id } of active) {
      await fetch(`${this.#url}/api/faults/${id}`, { method: 'DELETE' })
    }
  }

  async startVerifier(): Promise<void> {
    await this.#post('/api/verifier', { running: true })
  }

  /** The newest failover has got this far, and what belongs to it has come in. */
  async untilPhase(count: number, ...kinds: readonly PhaseKind[]): Promise<void> {
    await this.until(`${count} failovers, with ${kinds}`, ({ failovers }) => {
      const newest = failovers.at(-1)
      const has = (kind: PhaseKind) => newest?.phases.some((phase) => phase.kind === kind)
      return failovers.length >= count && kinds.every((kind) => has(kind))
    })
    await pause(1_500)
  }

  /** The window as it is, or from one part of the page to the end of another. */
  async take(name: string, first?: string, last = first, isWide = false): Promise<void> {
    await this.#page.evaluate('scrollTo(0, 0)')
    await this.#page.mouse.move(0, 0)
    const file = path.join(this.#folder, `${name}.png`)
    fs.writeFileSync(file, repacked(await this.#picture(first, last, isWide)))
    process.stdout.write(`${file}: ${Math.round(fs.statSync(file).size / 1000)} kB\n`)
  }

  async #picture(first: string | undefined, last = first, isWide: boolean): Promise<Buffer> {
    if (first === undefined) return this.#page.screenshot()
    // So high that the bar at the bottom covers nothing.
    await this.#page.setViewportSize({ width: WIDTH, height: 3 * HEIGHT })
    await pause(500)
    const from = (await this.#page.locator(first).boundingBox())!
    const to = (await this.#page.locator(last!).boundingBox())!
    const y = Math.max(0, from.y - EDGE)
    const x = isWide ? 0 : from.x - EDGE
    const width = isWide ? WIDTH : from.width + 2 * EDGE
    const clip = { x, y, width, height: to.y + to.height + EDGE - y }
    const picture = await this.#page.screenshot({ clip })
    await this.#page.setViewportSize({ width: WIDTH, height: HEIGHT })
    return picture
  }

  async #post(where: string, body: object): Promise<void> {
    const answer = await fetch(`${this.#url}${where}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${where}: ${answer.status} ${await answer.text()}`)
  }
}

async function takeAll(photographer: Photographer): Promise<void> {
  await photographer.startVerifier()
  await photographer.untilQuiet(20_000)
  await photographer.take('page')
  const { controllerId, partitions } = await photographer.state()
  const led = partitions.find(({ topic, leader }) => topic === 'orders' && leader !== controllerId)!
  await photographer.hurt('kill', led.leader!)
  await photographer.untilPhase(1, 'partitions-elected', 'brokers-told', 'first-write')
  await photographer.take('leader', '#matrix')
  await photographer.heal()
  const before = await photographer.untilQuiet(25_000)
  await photographer.hurt('kill', before.controllerId!)
  await photographer.untilPhase(2, 'epoch-bumped', 'brokers-told', 'first-write')
  await pause(4_000)
  await photographer.heal()
  await photographer.until('the failover is over', ({ failovers }) => failovers.at(-1)!.isOver)
  await photographer.take('failover', '.top', '#failovers', true)
  const again = await photographer.untilQuiet(40_000)
  await photographer.hurt('pause', again.controllerId!)
  await photographer.untilPhase(3, 'registration-gone', 'epoch-bumped', 'first-write')
  await pause(6_000)
  await photographer.take('zombie', '#topology')
  await photographer.heal()
  const last = await photographer.untilQuiet(50_000)
  await photographer.hurt('cut-zookeeper', last.controllerId!)
  await photographer.untilPhase(4, 'registration-gone', 'brokers-told', 'first-write')
  await pause(6_000)
  await photographer.take('cut', '#topology', '#failovers')
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function startCluster(directory: string): Promise<{ child: ChildProcess; url: string }> {
  // Three in a row for the brokers, below those that any connection may be given.
  const base = 17_000 + (process.pid % 1_000) * 5
  const [page] = await freePorts('127.0.0.1', 1)
  const child = spawn(
    process.execPath,
    [
      MAIN,
      'up',
      ...['--port', `${base}`, '--zookeeper-port', `${base + 3}`, '--dashboard-port', `${page}`],
      ...['--data', directory, '--override', 'zookeeper.session.timeout.ms=6000'],
      // So that soon each leads something again.
      ...['--override', 'leader.imbalance.check.interval.seconds=10'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  await until('the cluster is up', () => said.includes('Ctrl-C ends'), PATIENCE)
  const shape = ['--topic', 'orders', '--partitions', '3', '--replication-factor', '3']
  const server = ['--bootstrap-server', `127.0.0.1:${base}`]
  const made = spawn(process.execPath, [MAIN, 'topics', '--create', ...shape, ...server])
  await once(made, 'close')
  return { child, url: `http://127.0.0.1:${page}` }
}

async function main(folder: string): Promise<void> {
  if (noBrowser !== false) throw new Error(noBrowser)
  fs.mkdirSync(folder, { recursive: true })
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-pictures-'))
  const { child, url } = await startCluster(path.join(directory, 'data'))
  let browser: Browser | null = null
  try {
    browser = await openBrowser()
    const { page, problems } = await openPage(browser, url, { width: WIDTH, height: HEIGHT })
    await page.waitForSelector('.lane')
    await takeAll(new Photographer(url, page, folder))
    for (const problem of problems) process.stderr.write(`${problem}\n`)
  } finally {
    await browser?.close()
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    await ended
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

await main(path.resolve(process.argv[2] ?? path.join(ROOT, 'docs/pictures')))
