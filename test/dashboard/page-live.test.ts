/**
 * The page over a real cluster: the controller is killed by a button, and what the page then says agrees
 * with what a ZooKeeper session of our own saw and what the verifier's writers and readers measured.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import type { ClusterTarget } from '../../src/chaos/cluster-target.ts'
import type { ClusterEvent, PartitionWrites } from '../../src/dashboard/history/events.ts'
import { openLiveCluster } from '../../src/dashboard/live-cluster.ts'
import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import { startDashboard } from '../../src/dashboard/start-dashboard.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { ZkClient } from '../../src/zk/zk-client.ts'
import { noBrowser, openBrowser, openPage, textOf } from '../support/page-browser.ts'
import { until } from '../support/until.ts'

/** Two observers. */
const AGREEMENT_MS = 50
/** Writers report ten times a second. */
const REPORTED_WITHIN_MS = 300

function targetOf(cluster: TestCluster): ClusterTarget {
  return {
    brokerIds: cluster.brokers.map(({ id }) => id),
    edges: [],
    signal: (id, signal) => cluster.broker(id).kill(signal),
    start: (id) => cluster.broker(id).start(),
    missing: new Map([['disk-full', 'these brokers have no fault endpoint']]),
    fillDisk: () => Promise.reject(new Error('not here')),
    freeDisk: () => Promise.reject(new Error('not here')),
    expireSession: async (id) => {
      cluster.expireSession({ broker: id })
    },
  }
}

/** A change of `/controller`: not before the one time, not after the other. */
interface Sighting {
  readonly isThere: boolean
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * When `/controller` went and came, by a session of its own that asks all the while: how long its answers
 * take tells how exact that is.
 */
async function watchController(zookeeper: string) {
  const { connect } = await openObserverClient(systemClock, { zookeeper, prefer: 'js' })
  const client: ZkClient = connect()
  const seen: Sighting[] = []
  let slowestMs = 0
  let isClosed = false
  const watch = async (): Promise<void> => {
    let askedMs = performance.now()
    while (!isClosed) {
      const before = askedMs
      askedMs = performance.now()
      const isThere = (await client.exists('/controller')) !== null
      const untilMs = performance.now()
      slowestMs = Math.max(slowestMs, untilMs - before)
      if (seen.at(-1)?.isThere !== isThere) seen.push({ isThere, fromMs: before, untilMs })
      await setTimeout(2)
    }
  }
  const watching = watch().catch(() => {})
  const close = async (): Promise<void> => {
    isClosed = true
    await watching
    await client.close()
  }
  return { seen, slowestMs: () => slowestMs, close }
}

/** `33 ms`, `1.28 s`, as the page has it. */
function milliseconds(text: string): number {
  const match = /([\d.]+) (ms|s)$/.exec(text.trim())
  assert.ok(match !== null, `a time: ${text}`)
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1)
}

/** Without writes, without reads. */
async function gapsShown(page: Page): Promise<number[]> {
  const texts = await page.locator('.failover-summary strong').allTextContents()
  return texts.map(milliseconds)
}

async function phaseOf(page: Page, name: string): Promise<{ tookMs: number; doneMs: number }> {
  const row = page.locator('.phases tbody tr', { has: page.getByText(name, { exact: true }) })
  const [took, done] = await row.locator('td.ms').allTextContents()
  return { tookMs: milliseconds(took!), doneMs: milliseconds(done!.replace('+', '')) }
}

/** What the clients measured of this failover: a busy machine may make longer gaps at other times. */
function longestGapAfterFault(
  events: readonly ClusterEvent[],
  shownMs: number,
  gapOf: (each: PartitionWrites) => number,
): number {
  const fault = events.find((event) => event.kind === 'fault' && event.phase === 'started')
  assert.ok(fault !== undefined)
  const endMs = fault.atMs + shownMs + REPORTED_WITHIN_MS
  const gaps = events.flatMap((event) =>
    event.kind === 'writes' && event.atMs > fault.atMs && event.atMs <= endMs
      ? event.partitions.map(gapOf)
      : [],
  )
  return Math.max(...gaps)
}

async function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  const options = { lookEveryMs: 50, deadlineMs: 40_000 }
  await until(
    `${selector}: ${pattern}`,
    async () => pattern.test(await textOf(page, selector)),
    options,
  )
}

test('a kill by button shows its whole timeline, with numbers that others measured too', {
  skip: noBrowser,
}, async (t) => {
  await using cluster = await startCluster({
    mode: 'process',
    topics: [{ name: 'orders', partitions: 6 }],
    config: { 'samsa.http.listener': '127.0.0.1:0' },
  })
  const zookeeper = cluster.zookeeperAddress
  const live = await openLiveCluster({ zookeeper, prefer: 'js', target: targetOf(cluster) })
  const dashboard = await startDashboard({ port: 0, from: live.source })
  const own = await watchController(zookeeper)
  const browser = await openBrowser()
  try {
    const { page, problems } = await openPage(browser, dashboard.url)
    await untilText(page, '#link', /^Live$/)
    await untilText(page, '#fact-brokers', /^3 of 3$/)
    await until('the verifier may start', () => page.locator('#verifier-toggle').isEnabled())
    await page.click('#verifier-toggle')
    await untilText(page, '#count-consumed', /\d\d\d/)
    const first = /broker (\d)/.exec(await textOf(page, '#fact-controller'))![1]!
    await page.check(`#fault-targets input[value="${first}"]`)
    await page.fill('#fault-seconds', '3')
    await page.click('[data-fault="kill"]')
    await untilText(page, '.phases', /First write acknowledged.*Registered again.*ISR full again/)
    await untilText(page, '#fact-brokers', /^3 of 3$/)

    const [went, came] = own.seen.slice(-2)
    assert.deepEqual([went!.isThere, came!.isThere], [false, true])
    const gone = await phaseOf(page, '/controller gone')
    const elected = await phaseOf(page, 'New controller')
    const [minMs, maxMs] = [came!.fromMs - went!.untilMs, came!.untilMs - went!.fromMs]
    t.diagnostic(
      `without controller: page ${elected.tookMs} ms, own session ${minMs} to ${maxMs} ms`,
    )
    // The page's session waits for its answers, too.
    const toleranceMs = AGREEMENT_MS + own.slowestMs()
    assert.ok(elected.tookMs >= minMs - toleranceMs && elected.tookMs <= maxMs + toleranceMs)
    assert.ok(elected.doneMs >= gone.doneMs)

    await page.click('#verifier-toggle')
    await until('the verdict', () => !live.verifier.isRunning)
    const verdict = live.verifier.verdict!
    const [writesMs, readsMs] = await gapsShown(page)
    const { events } = live.observer
    const writersMs = longestGapAfterFault(events, writesMs!, (each) => each.longestGapMs)
    t.diagnostic(`without writes: page ${writesMs} ms, writers ${writersMs} ms`)
    assert.ok(Math.abs(writesMs! - writersMs) <= AGREEMENT_MS)
    const readersMs = longestGapAfterFault(events, readsMs!, ({ reads }) => reads!.longestGapMs)
    t.diagnostic(`without reads: page ${readsMs} ms, readers ${readersMs} ms`)
    assert.ok(Math.abs(readsMs! - readersMs) <= AGREEMENT_MS)
    const fetched = await phaseOf(page, 'First fetch answered')
    assert.ok(fetched.tookMs <= readsMs! + AGREEMENT_MS, `${fetched.tookMs} ms`)
    assert.deepEqual([verdict.lost, verdict.duplicated, verdict.reordered], [0, 0, 0])
    await untilText(page, '#count-lost', /^0$/)
    assert.equal(await textOf(page, '#fact-under-replicated'), '0')
    assert.deepEqual(problems, [])
  } finally {
    await browser.close()
    await own.close()
    await dashboard.close()
    await live.close()
  }
})
