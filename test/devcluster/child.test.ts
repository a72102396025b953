import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { childEnvironment } from '../../src/devcluster/child.ts'

const run = promisify(execFile)

test('a child takes its code from the cache that its parent has, from the first file on', async () => {
  const own = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-cache-'))
  module.enableCompileCache(own)
  const env = childEnvironment(process.env)
  const { stdout } = await run(process.execPath, ['-p', "require('module').getCompileCacheDir()"], {
    env,
  })
  assert.equal(stdout.trim(), module.getCompileCacheDir())
  fs.rmSync(own, { recursive: true })
})

test('settings of brokers in the environment are not handed to children', () => {
  const environment = childEnvironment({
    KAFKA_BROKER_ID: '7',
    KAFKA_LOG4J_LOGGERS: 'x',
    HOME: '/',
  })
  assert.equal(environment.KAFKA_BROKER_ID, undefined)
  assert.equal(environment.KAFKA_LOG4J_LOGGERS, 'x')
  assert.equal(environment.HOME, '/')
})
