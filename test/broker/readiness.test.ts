import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Phase, unreadyReasons } from '../../src/broker/readiness.ts'
import { httpAddress, SAMSA_SETTINGS } from '../../src/broker/settings/samsa-settings.ts'
import { parseSetting } from '../../src/broker/settings/setting.ts'

const PRESENT = { isRegistered: true, isFenced: false, knowsCluster: true }

test('a broker is ready when it is registered, heard and told of the cluster', () => {
  assert.deepEqual(unreadyReasons('running', PRESENT), [])
  assert.deepEqual(unreadyReasons('running', { ...PRESENT, isRegistered: false }), [
    'not registered in ZooKeeper',
  ])
  assert.deepEqual(unreadyReasons('running', { ...PRESENT, isFenced: true }), [
    'ZooKeeper is silent',
  ])
  assert.deepEqual(unreadyReasons('running', { ...PRESENT, knowsCluster: false }), [
    'no metadata from the controller',
  ])
  assert.equal(unreadyReasons('running', null).length, 3)
})

test('a broker that starts or stops tells how far it is', () => {
  const phases: [Phase, string][] = [
    ['not-started', 'not started'],
    ['connecting', 'connecting to ZooKeeper'],
    ['recovering-logs', 'recovering logs'],
    ['registering', 'not registered in ZooKeeper'],
    ['controlled-shutdown', 'shutting down'],
    ['shutting-down', 'shutting down'],
  ]
  for (const [phase, reason] of phases) assert.deepEqual(unreadyReasons(phase, PRESENT), [reason])
})

test('the address of the endpoint is host and port', () => {
  const setting = SAMSA_SETTINGS['samsa.http.listener']
  const parse = (text: string) =>
    httpAddress(String(parseSetting('samsa.http.listener', setting, text)))
  assert.deepEqual(parse('127.0.0.1:0'), { host: '127.0.0.1', port: 0 })
  assert.deepEqual(parse('[::1]:9404'), { host: '::1', port: 9404 })
  assert.deepEqual(parse(':9404'), { host: '', port: 9404 })
  assert.equal(parse(''), null)
  assert.equal(httpAddress(null), null)
  for (const wrong of [
    '9404',
    'host',
    'host:',
    'host:x',
    'host:65536',
    'http://host:1',
    '::1:80',
  ]) {
    assert.throws(() => parse(wrong), /expected host:port/, wrong)
  }
})
