import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { childEnvironment } from '../../src/devcluster/child.ts'

const MAIN = import.meta.resolve('../../src/main.ts')

test('a child has the cache of compiled code on before its first file, the one of that file', async () => {
  const { NODE_COMPILE_CACHE } = childEnvironment({})
  const program = `
    process.argv.push('main.ts', 'topics', '--help')
    process.stdout.write = () => true
    await import('${MAIN}')
    process.stderr.write(process.getBuiltinModule('module').getCompileCacheDir())`
  const args = ['--input-type=module', '--eval', program]
  const env = { PATH: process.env.PATH }
  const { stderr } = await promisify(execFile)(process.execPath, args, { env })
  assert.equal(path.dirname(stderr), NODE_COMPILE_CACHE)
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
