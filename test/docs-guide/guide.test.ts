/** docs/watching-a-failover.md: every command in it is run, and answers what it says there. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { GuideReader, missingFor } from '../support/guide-run.ts'
import { answers, stepsOf } from '../support/guide-text.ts'

const DOCS = path.join(import.meta.dirname, '../../docs')
const GUIDE = fs.readFileSync(path.join(DOCS, 'watching-a-failover.md'), 'utf8')
const STEPS = stepsOf(GUIDE)
const PICTURE_BYTES_MAX = 200_000
/** They take half a minute of their own, beside the rest of the guide. */
const ALONE = ['Let chance do it']
const START = STEPS.filter(({ command }) => command.startsWith('npm start'))
const CONTAINERS = 'The same with containers'

function follow(number: number, steps: typeof STEPS): void {
  let reader: GuideReader
  let hasFailed = false
  before(async () => {
    reader = await GuideReader.begin(number)
  })
  after(() => reader.end())
  steps.forEach((step, at) => {
    const skip = missingFor(step) ?? false
    test(`${step.line}: ${step.command}`, { skip }, async (t) => {
      // What comes after a step that went wrong tells nothing.
      if (hasFailed) return t.skip('a step before has failed')
      hasFailed = true
      await reader.follow(step)
      if (steps[at + 1]?.section !== step.section) await reader.endSection()
      hasFailed = false
    })
  })
}

describe('the guide', { concurrency: 2, timeout: 280_000 }, () => {
  describe('a half hour with a cluster', { concurrency: 1 }, () => {
    follow(
      0,
      STEPS.filter(({ section }) => !ALONE.includes(section) && section !== CONTAINERS),
    )
  })
  describe('a seeded run', { concurrency: 1 }, () => {
    follow(1, [...START, ...STEPS.filter(({ section }) => ALONE.includes(section))])
  })
})

test('the guide has its pictures, and they are small', () => {
  const named = [...GUIDE.matchAll(/\]\(pictures\/([^)]+)\)/g)].map(([, name]) => name!)
  const files = fs.readdirSync(path.join(DOCS, 'pictures')).sort()
  assert.deepEqual([...new Set(named)].sort(), files)
  for (const file of files) {
    const { size } = fs.statSync(path.join(DOCS, 'pictures', file))
    assert.ok(size < PICTURE_BYTES_MAX, `${file} has ${size} bytes`)
  }
})

test('every link of the guide leads somewhere', () => {
  const anchors = [...GUIDE.matchAll(/^## (.*)$/gm)].map(
    ([, title]) => `#${title!.toLowerCase().replace(/ /g, '-')}`,
  )
  for (const [, target = ''] of GUIDE.matchAll(/\]\((?!http)([^)]+)\)/g)) {
    const isThere = target.startsWith('#')
      ? anchors.includes(target)
      : fs.existsSync(path.join(DOCS, target))
    assert.ok(isThere, target)
  }
})

test('the znodes that the guide explains have no field that it leaves out', () => {
  for (const { command, expected } of STEPS) {
    if (!/^samsa zk get .*(\/controller|\/ids\/1|\/state)$/.test(command)) continue
    for (const [, field] of expected.join('\n').matchAll(/[{,]"(\w+)":/g)) {
      if (field === 'PLAINTEXT') continue
      assert.match(GUIDE, new RegExp(`^\\|.*\`${field}\``, 'm'), `${command}: ${field}`)
    }
  }
})

test('… stands for any text of a line, and alone for any lines', () => {
  assert.ok(answers(['a … c', '…', 'z'], 'a b  c\nd\ne\nz\n'))
  assert.ok(answers(['a', '…'], 'a\n'))
  assert.ok(answers([], ''))
  assert.ok(!answers(['a … c'], 'a b c d\n'))
  assert.ok(!answers(['a'], 'a\nb\n'))
  assert.ok(!answers([], 'a\n'))
})
