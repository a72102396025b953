import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CliIo } from '../../src/cli/cli-io.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { runCommand } from '../../src/cli/run-command.ts'

async function run(...words: string[]) {
  let stdout = ''
  let stderr = ''
  const io: CliIo = {
    stdout: (text) => {
      stdout += String(text)
    },
    stderr: (text) => {
      stderr += text
    },
    env: {},
    stdin: (async function* () {})(),
  }
  const exitCode = await runCommand(io, words)
  return { exitCode, stdout, stderr }
}

test('help lists every command on stdout, no command at all is wrong usage', async () => {
  const { exitCode, stdout, stderr } = await run('--help')
  assert.equal(exitCode, 0)
  assert.equal(stderr, '')
  for (const { name } of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} `, 'm'))
  const nothing = await run()
  assert.deepEqual([nothing.exitCode, nothing.stdout], [1, ''])
  assert.equal(nothing.stderr, stdout)
})

test('an unknown command shows the usage on stderr and fails', async () => {
  const { exitCode, stdout, stderr } = await run('nope')
  assert.equal(exitCode, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /there is no command 'nope'\n\nUsage: samsa COMMAND/)
})

test('every command has --help, under the name that Kafka gives it too', async () => {
  for (const { name } of COMMANDS) {
    const { exitCode, stdout } = await run(name, '--help')
    assert.equal(exitCode, 0, name)
    assert.match(stdout, new RegExp(`^Usage: ${name} `), name)
  }
  assert.match((await run('kafka-topics.sh', '--help')).stdout, /^Usage: topics /)
  assert.match((await run('help', 'start')).stdout, /^Usage: up /)
})

test('--version tells the version of Samsa, and of Kafka where one of its tools is asked', async () => {
  const own = await run('--version')
  assert.match(own.stdout, /^samsa \d+\.\d+\.\d+\n$/)
  const tool = await run('kafka-topics.sh', '--version')
  assert.deepEqual([own.exitCode, tool.exitCode, tool.stderr], [0, 0, ''])
  assert.match(tool.stdout, /^3\.9\.1 \(Samsa:\d+\.\d+\.\d+\)\n$/)
})

test('an unknown flag shows the usage on stderr and fails', async () => {
  for (const name of ['up', 'broker', 'zookeeper', 'healthcheck']) {
    const { exitCode, stdout, stderr } = await run(name, '--nope')
    assert.equal(exitCode, 1, name)
    assert.equal(stdout, '')
    assert.match(stderr, /^nope is not a recognized option\n[\s\S]*Usage: /)
  }
})
