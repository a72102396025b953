/** The page in a real browser, over recorded and over growing histories. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { RecordedHistory } from '../../src/dashboard/event-log.ts'
import { parseEventLines } from '../../src/dashboard/history/event-lines.ts'
import { answerJson, readJsonBody } from '../../src/dashboard/http-answers.ts'
import type { ChaosHandler } from '../../src/dashboard/server.ts'
import { GrowingLog, startServer } from '../support/dashboard-bench.ts'
import { makeHistory } from '../support/made-history.ts'
import { noBrowser, openBrowser, openPage, textOf } from '../support/page-browser.ts'
import { until } from '../support/until.ts'

const SMALL = makeHistory({ brokers: 3, partitions: 50 })
const LARGE = makeHistory({ brokers: 9, partitions: 1_000 })
const skip = noBrowser
const pictures = path.join(os.tmpdir(), 'samsa-page')

let browser: Browser

before(async () => {
  if (skip !== false) return
  fs.mkdirSync(pictures, { recursive: true })
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
})

function recorded(events = SMALL) {
  return startServer({ log: new RecordedHistory(events), isRecorded: true, source: 'run.jsonl' })
}

/** A cluster that lives: its events so far, and more when told. */
async function living(events = SMALL, chaos?: ChaosHandler) {
  const log = new GrowingLog(100_000)
  for (const { seq: _seq, ...event } of events) log.add(event)
  const server = await startServer({ log, ...(chaos === undefined ? {} : { chaos }) })
  return { ...server, log, [Symbol.asyncDispose]: server[Symbol.asyncDispose] }
}

async function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await until(`${selector} is ${pattern}`, async () => pattern.test(await textOf(page, selector)), {
    lookEveryMs: 20,
  })
}

/** Where the eye of a test can see: how far the document is wider than its window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - innerWidth')
}

test('the page shows a recorded run: cluster, failovers, partitions', { skip }, async (t) => {
  await using server = await recorded()
  const { page, problems } = await openPage(browser, server.url)
  await page.waitForSelector('.lane')
  const timing =
    '[performance.timing.loadEventEnd - performance.timing.navigationStart, performance.now()]'
  const [loadedMs, shownMs] = (await page.evaluate(timing)) as [number, number]
  t.diagnostic(`loaded in ${loadedMs} ms, cluster within ${Math.round(shownMs)} ms`)
  await untilText(page, '#fact-controller', /^broker 1 · epoch 3$/)
  await untilText(page, '#fact-brokers', /^3 of 3$/)
  await untilText(page, '#link', /^Recorded run$/)
  assert.equal(await page.locator('.lane').count(), 5)
  assert.equal(await page.locator('.failover-item').count(), 2)
  await untilText(page, '.failover-summary', /^6\.08 s/)
  const phases = await page.locator('.phases tbody th > span:first-child').allTextContents()
  for (const name of ['Fault', '/controller gone', 'New controller', 'Partitions re-elected']) {
    assert.ok(phases.includes(name), name)
  }
  await untilText(page, '#count-acked', /^\d/)
  assert.deepEqual(problems, [])
  await page.close()
})

test('1,000 partitions on 9 brokers take no more of the page than 50', { skip }, async (t) => {
  await using server = await recorded(LARGE)
  const { page, problems } = await openPage(browser, server.url)
  await untilText(page, '#fact-partitions', /^1\s003 in/)
  const nodes = Number(await page.evaluate('document.querySelectorAll("*").length'))
  assert.ok(nodes < 3_500, `${nodes} elements`)
  const rows = page.locator('#matrix-rows .matrix-row:visible')
  assert.ok((await rows.count()) < 60)
  await page.locator('#matrix-scroller').evaluate((element) => {
    element.scrollTop = 500 * 24
  })
  await untilText(page, '#matrix-rows', /-\d/)
  await page.fill('#matrix-filter', 'clicks-77')
  await until('one row', async () => (await rows.count()) === 1)
  await rows.first().click()
  await untilText(page, '#matrix-detail', /^clicks-77: leader \d/)
  await untilText(page, '#znode-detail', /clicks\/partitions\/77\/state/)
  const scrubbed = `(() => {
    const scrub = document.querySelector('#scrub')
    const times = []
    for (let i = 0; i <= 40; i++) {
      const start = performance.now()
      scrub.value = String(i * 25)
      scrub.dispatchEvent(new Event('input'))
      times.push(performance.now() - start)
    }
    return Math.max(...times)
  })()`
  t.diagnostic(`slowest of 40 moments: ${Number(await page.evaluate(scrubbed)).toFixed(1)} ms`)
  assert.deepEqual(problems, [])
  await page.close()
})

test('held, the page stays at its moment while events come; live, it follows', {
  skip,
}, async () => {
  await using server = await living()
  const { page, problems } = await openPage(browser, server.url)
  await untilText(page, '#link', /^Live$/)
  await page.keyboard.press('Space')
  await untilText(page, '#link', /^In the past, held$/)
  server.log.addLines(30)
  await page.keyboard.press('BracketLeft')
  await page.keyboard.press('BracketLeft')
  await untilText(page, '#fact-controller', /^broker 1 · epoch 1$/)
  const held = await textOf(page, '#moment')
  for (let i = 0; i < 3; i++) await page.keyboard.press('Period')
  await until('a later moment', async () => (await textOf(page, '#moment')) !== held)
  await page.keyboard.press('l')
  await untilText(page, '#link', /^Live$/)
  await untilText(page, '#moment', new RegExp(`${SMALL.length + 30}/${SMALL.length + 30}`))
  await page.selectOption('#speed', '10')
  await page.locator('#scrub').evaluate((element) => {
    ;(element as unknown as { value: string }).value = '950'
    element.dispatchEvent(new Event('input'))
  })
  await untilText(page, '#link', /^In the past, held$/)
  await page.click('#pause')
  await untilText(page, '#link', /^Live$/)
  assert.deepEqual(problems, [])
  await page.close()
})

test('a stopped controller is shown with its old epoch, by word and by hatching', {
  skip,
}, async () => {
  await using server = await recorded()
  const { page } = await openPage(browser, server.url)
  await page.waitForSelector('.lane')
  const bumped = SMALL.findLast(
    (event) => event.kind === 'znode' && event.path === '/controller_epoch',
  )!
  const start = SMALL[0]!.atMs
  const share = ((bumped.atMs + 1_000 - start) / (SMALL.at(-1)!.atMs - start)) * 1_000
  await page.locator('#scrub').evaluate((element, value) => {
    ;(element as unknown as { value: string }).value = String(value)
    element.dispatchEvent(new Event('input'))
  }, share)
  const badge = page.locator('[data-lane="2"] .badge')
  await until('the badge', async () => (await badge.textContent()) === 'believes: controller · 2')
  assert.match((await badge.getAttribute('class')) ?? '', /believes/)
  assert.match((await textOf(page, '[data-lane="2"] .lane-state')) ?? '', /unregistered.*running/)
  await page.screenshot({ path: path.join(pictures, 'zombie.png') })
  await page.close()
})

test('a run that is exported can be opened again, without the cluster, and left', {
  skip,
}, async () => {
  await using server = await living()
  const { page, problems } = await openPage(browser, server.url)
  await untilText(page, '#link', /^Live$/)
  const downloaded = page.waitForEvent('download')
  await page.keyboard.press('e')
  const file = path.join(pictures, 'run.jsonl')
  await (await downloaded).saveAs(file)
  const { events, problems: wrong } = parseEventLines(fs.readFileSync(file, 'utf8'))
  assert.deepEqual(wrong, [])
  assert.ok(isDeepStrictEqual(events, SMALL), 'the file has the events')
  server.log.addLines(10)
  await page.setInputFiles('#file', file)
  await untilText(page, '#link', /^Recorded run$/)
  await untilText(page, '#source', /^run\.jsonl$/)
  await untilText(page, '#moment', new RegExp(`${SMALL.length}/${SMALL.length}`))
  await untilText(page, '#fact-controller', /^broker 1 · epoch 3$/)
  await untilText(page, '#fault-reason', /no cluster to hurt/)
  await page.click('#back-to-cluster')
  await untilText(page, '#link', /^Live$/)
  await untilText(page, '#moment', new RegExp(`${SMALL.length + 10}/${SMALL.length + 10}`))
  assert.deepEqual(problems, [])
  await page.close()
})

test('a file that is no run is refused in words, and the page goes on', { skip }, async () => {
  await using server = await living()
  const { page } = await openPage(browser, server.url)
  await untilText(page, '#link', /^Live$/)
  const buffer = Buffer.from('<html>no run</html>')
  await page.setInputFiles('#file', { name: 'x.html', mimeType: 'text/html', buffer })
  await untilText(page, '#notice-text', /^x\.html holds no events: line 1: not JSON/)
  await untilText(page, '#link', /^Live$/)
  await page.close()
})

test('the page comes back by itself when its server does, without a reload', { skip }, async () => {
  const log = new GrowingLog()
  for (const { seq: _seq, ...event } of SMALL) log.add(event)
  const first = await startServer({ log })
  const { page } = await openPage(browser, first.url)
  await untilText(page, '#link', /^Live$/)
  await page.evaluate('window.isSame = true')
  await first.server.close()
  await untilText(page, '#link', /^Server gone; again in \d+ s$/)
  assert.match(await textOf(page, '#fact-controller'), /broker 1/)
  log.addLines(7)
  await using _second = await startServer({ log, port: first.port })
  await untilText(page, '#link', /^Live$/)
  await untilText(page, '#moment', new RegExp(`${SMALL.length + 7}/${SMALL.length + 7}`))
  assert.equal(await page.evaluate('window.isSame'), true)
  await page.close()
})

test('the events are found by broker, partition and text, and copied to the letter', {
  skip,
}, async () => {
  await using server = await recorded()
  const { page } = await openPage(browser, server.url)
  await page.waitForSelector('.lane')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.keyboard.press('/')
  await page.keyboard.type('successfully elected')
  await untilText(page, '#feed-note', /^3 lines of/)
  await page.selectOption('#feed-broker', '2')
  await untilText(page, '#feed-note', /^1 line of .*only broker 2/)
  await page.click('#feed-copy')
  await untilText(page, '#feed-note', /^1 line copied$/)
  assert.match(
    String(await page.evaluate('navigator.clipboard.readText()')),
    /^broker-2 \[2026-[\d-]+ [\d:,]+\] INFO \[Controller id=2\] 2 successfully elected as the controller\. Epoch incremented to 2 and epoch zk version is now 2 \(kafka\.controller\.KafkaController\)\n$/,
  )
  await page.fill('#feed-text', '')
  await page.keyboard.press('Escape')
  await page.fill('#feed-partition', 'orders-1')
  await untilText(page, '#feed-note', /only orders-1/)
  await page.close()
})

test('everything can be done with the keyboard, and the focus is seen', { skip }, async () => {
  await using server = await recorded()
  const { page } = await openPage(browser, server.url)
  await page.waitForSelector('.lane')
  await page.keyboard.press('?')
  await page.waitForSelector('#help-dialog[open]')
  assert.ok((await page.locator('#key-list tr').count()) > 10)
  await page.keyboard.press('Escape')
  await page.keyboard.press('5')
  assert.equal(await page.evaluate('document.activeElement.id'), 'matrix')
  await page.focus('#matrix-problems')
  await page.keyboard.press('Space')
  assert.equal(await page.isChecked('#matrix-problems'), true)
  await page.keyboard.press('Space')
  await page.focus('#matrix-scroller')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await untilText(page, '#matrix-detail', /^audit-1: leader/)
  await page.focus('#znode-tree')
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowLeft')
  const row = page.locator('.znode-row[aria-selected="true"]:visible')
  await until('closed', async () => (await row.getAttribute('aria-expanded')) === 'false')
  await page.focus('#failover-list')
  await page.keyboard.press('ArrowRight')
  await untilText(page, '.failover-summary', /kill -9 of broker 1/)
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    const outline = await page.evaluate(
      '(() => { const s = getComputedStyle(document.activeElement); const p = document.activeElement.parentElement; return document.activeElement === document.body ? "body" : s.outlineStyle !== "none" || getComputedStyle(p).outlineStyle !== "none" ? "seen" : document.activeElement.outerHTML })()',
    )
    assert.match(String(outline), /^(seen|body)$/)
  }
  await page.close()
})

test('every field and button has a name', { skip }, async () => {
  await using server = await recorded()
  const { page } = await openPage(browser, server.url)
  await page.waitForSelector('.lane')
  const nameless =
    await page.evaluate(`[...document.querySelectorAll('button,input,select,[role=grid],[role=tree],[role=listbox],[role=log],canvas:not([aria-hidden])')]
    .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))
    .map((e) => e.outerHTML)`)
  assert.deepEqual(nameless, [])
  const ids = `(() => { const all = [...document.querySelectorAll('[id]')].map((e) => e.id); return all.filter((id, i) => all.indexOf(id) !== i) })()`
  assert.deepEqual(await page.evaluate(ids), [])
  await page.close()
})

test('light, dark and phone: nothing is cut off', { skip }, async () => {
  await using small = await recorded()
  await using large = await recorded(LARGE)
  const looks = [
    { name: 'small-light', url: small.url, width: 1440, height: 1000, scheme: 'light' },
    { name: 'small-dark', url: small.url, width: 1440, height: 1000, scheme: 'dark' },
    { name: 'small-phone', url: small.url, width: 390, height: 844, scheme: 'light' },
    { name: 'small-narrow', url: small.url, width: 320, height: 640, scheme: 'dark' },
    { name: 'large-light', url: large.url, width: 1440, height: 1000, scheme: 'light' },
    { name: 'large-dark', url: large.url, width: 1920, height: 1080, scheme: 'dark' },
    { name: 'large-phone', url: large.url, width: 390, height: 844, scheme: 'dark' },
    { name: 'large-tablet', url: large.url, width: 820, height: 1180, scheme: 'light' },
  ] as const
  const papers = new Set<unknown>()
  for (const { name, url, ...options } of looks) {
    const { page, problems } = await openPage(browser, url, options)
    await untilText(page, '#fact-controller', /^broker/)
    assert.ok((await overflowOf(page)) <= 0, `${name} is wider than its window`)
    papers.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true })
    assert.deepEqual(problems, [], name)
    await page.close()
  }
  assert.equal(papers.size, 2)
})

test('the theme can be chosen against the system, and is kept', { skip }, async () => {
  await using server = await recorded()
  const { page } = await openPage(browser, server.url, { scheme: 'light' })
  await page.waitForSelector('.lane')
  const paper = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const light = await paper()
  await page.keyboard.press('t')
  await page.keyboard.press('t')
  await until('dark', async () => (await paper()) !== light)
  const dark = await paper()
  await page.reload()
  await page.waitForSelector('.lane')
  assert.equal(await paper(), dark)
  await page.close()
})

test('a fault is asked for with its time, counts down, and ends at the push of a button', {
  skip,
}, async () => {
  const asked: unknown[] = []
  const last = (): unknown => asked.at(-1)
  const chaos: ChaosHandler = async (request, response, url) => {
    if (request.method === 'DELETE') asked.push(url.pathname)
    if (request.method === 'POST') asked.push([url.pathname, await readJsonBody(request)])
    const available = [
      { kind: 'kill', targets: [1, 2, 3], defaultForMs: 1 },
      { kind: 'slow', targets: [], reason: 'no link runs through a proxy' },
      { kind: 'stop-zookeeper', targets: ['zookeeper'] },
    ]
    const isFaults = url.pathname === '/api/faults'
    await answerJson(request, response, 200, isFaults ? { available, active: [] } : {})
    return true
  }
  await using server = await living(SMALL, chaos)
  const { page, problems } = await openPage(browser, server.url)
  await untilText(page, '#link', /^Live$/)
  const slow = page.locator('[data-fault="slow"]')
  await until('the reason', async () => /proxy/.test((await slow.textContent()) ?? ''))
  assert.equal(await slow.isDisabled(), true)
  await page.check('#fault-targets input[value="2"]')
  await page.fill('#fault-seconds', '7')
  await page.click('[data-fault="kill"]')
  await page.click('[data-fault="stop-zookeeper"]')
  await page.click('#verifier-toggle')
  await until('asked', () => asked.length === 3)
  const zookeeper = { kind: 'stop-zookeeper', target: 'zookeeper', forMs: 7_000 }
  assert.deepEqual(asked, [
    ['/api/faults', { kind: 'kill', target: 2, forMs: 7_000 }],
    ['/api/faults', zookeeper],
    ['/api/verifier', { running: false }],
  ])
  const atMs = SMALL.at(-1)!.atMs
  server.log.add({
    kind: 'fault',
    atMs,
    id: 'f9',
    fault: 'pause',
    brokerId: 2,
    phase: 'started',
    endsAtMs: atMs + 60_000,
    detail: '',
  })
  await untilText(page, '#active-faults', /Pause, broker 2, ends in \d+ s/)
  await page.click('#active-faults button')
  await until('ended', () => last() === '/api/faults/f9')
  assert.deepEqual(problems, [])
  await page.close()
})

test('where a token is needed the page asks for it, or takes it from its address', {
  skip,
}, async () => {
  const given: unknown[] = []
  const chaos: ChaosHandler = async (request, response, url) => {
    if (request.method === 'POST') given.push(request.headers.authorization)
    const available = [{ kind: 'kill', targets: [1, 2, 3] }]
    const isFaults = url.pathname === '/api/faults'
    await answerJson(request, response, 200, isFaults ? { available, active: [] } : {})
    return true
  }
  const log = new GrowingLog()
  for (const { seq: _seq, ...event } of SMALL) log.add(event)
  await using server = await startServer({ log, chaos, token: 'sesame' })
  const { page } = await openPage(browser, server.url)
  await page.waitForSelector('#token-form:not([hidden])')
  await page.fill('#token', 'sesame')
  await page.click('#token-form button')
  await page.click('[data-fault="kill"]')
  await until('asked', () => given.length === 1)
  const other = await openPage(browser, `${server.url}/?token=sesame`)
  await untilText(other.page, '#link', /^Live$/)
  assert.equal(new URL(other.page.url()).search, '')
  await other.page.click('[data-fault="kill"]')
  await until('asked again', () => given.length === 2)
  assert.deepEqual(given, ['Bearer sesame', 'Bearer sesame'])
  await page.close()
  await other.page.close()
})

test('what is written in znodes and logs stays text', { skip }, async () => {
  const evil = '<img src=x onerror="window.isOwned=1"><script>window.isOwned=1</script>'
  const events = SMALL.map((event) => {
    if (event.kind === 'broker-log') return { ...event, message: evil, logger: evil }
    if (event.kind === 'fault') return { ...event, detail: evil }
    return event.kind === 'znode' ? { ...event, data: event.data ?? evil, before: evil } : event
  })
  const topic = SMALL.find((event) => event.kind === 'znode' && event.path === '/cluster/id')!
  const strange = { ...topic, path: `/brokers/${evil.replaceAll('/', '')}`, data: evil }
  await using server = await recorded([strange, ...events].map((each, seq) => ({ ...each, seq })))
  const { page, problems } = await openPage(browser, server.url)
  await untilText(page, '#fact-controller', /^broker 1/)
  await page.click('#znode-tab-changes')
  await page.click('.feed-row:visible >> nth=2')
  await untilText(page, '#feed-line', /onerror/)
  assert.equal(await page.evaluate('window.isOwned ?? 0'), 0)
  assert.equal(await page.locator('main img, main script').count(), 0)
  assert.deepEqual(problems, [])
  await page.close()
})
