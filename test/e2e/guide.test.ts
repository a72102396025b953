/** docs/watching-a-failover.md, the section on containers: every command in it is run. */
import fs from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { findCompose, tryRun } from '../support/compose-project.ts'
import { GuideReader } from '../support/guide-run.ts'
import { stepsOf } from '../support/guide-text.ts'

const FILE = path.join(import.meta.dirname, '../../docs/watching-a-failover.md')
const STEPS = stepsOf(fs.readFileSync(FILE, 'utf8')).filter(
  ({ section }) => section === 'The same with containers',
)
const IMAGE = 'samsa-e2e-guide'
const PROJECT = `samsa-e2e-guide-${process.pid}`

const compose = findCompose()
const skip = 'missing' in compose ? compose.missing : false

describe('the guide with containers', { skip, concurrency: 1, timeout: 1_200_000 }, () => {
  let reader: GuideReader

  before(async () => {
    const words = 'command' in compose ? compose.command : []
    reader = await GuideReader.begin(2, { words, project: PROJECT, env: { SAMSA_IMAGE: IMAGE } })
  })

  after(async () => {
    await reader.end()
    if (!('command' in compose)) return
    const down = [...compose.command, '-p', PROJECT, 'down', '-v', '--remove-orphans']
    await tryRun(down, { timeoutMs: 120_000, env: { SAMSA_IMAGE: IMAGE } })
    if (process.env.SAMSA_E2E_KEEP_IMAGES === undefined) await tryRun(['docker', 'rmi', IMAGE])
  })

  for (const step of STEPS) {
    test(`${step.line}: ${step.command}`, () => reader.follow(step))
  }
})
