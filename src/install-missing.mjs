/**
 * Runs before `npm start` and `npm test`: installs what is missing, so that each of them works alone on
 * a fresh clone. Plain JavaScript, since it may run on an older Node than the one it installs.
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const modules = path.join(root, 'node_modules')
const installed = path.join(modules, '.package-lock.json')
const rebuilt = path.join(modules, '.zookeeper-rebuilt')

if (!isInstalled()) install()
if (!fs.existsSync(rebuilt)) rebuildObserver()

function isInstalled() {
  if (!fs.existsSync(installed)) return false
  return fs.statSync(installed).mtimeMs >= fs.statSync(path.join(root, 'package-lock.json')).mtimeMs
}

function install() {
  console.log('samsa: installing dependencies (once, about half a minute) ...')
  const { status, error } = run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'])
  if (status !== 0) {
    console.error(`samsa: npm ci failed${error ? `: ${error.message}` : ''}.`)
    console.error('Is the npm registry reachable? Run `npm ci` to see all of its output.')
    process.exit(1)
  }
  const now = new Date()
  fs.utimesSync(installed, now, now)
}

/**
 * The native ZooKeeper client was compiled for the Node that ran npm; ours is the one in
 * `node_modules`, which brings its headers. Optional: without a compiler the observer uses the other.
 */
function rebuildObserver() {
  const addon = path.join(modules, 'zookeeper')
  const headers = path.join(modules, 'node', 'node_modules', `node-${process.platform}-${process.arch}`)
  const headersUp = path.join(modules, `node-${process.platform}-${process.arch}`)
  const nodeDir = [headers, headersUp].find((dir) => fs.existsSync(path.join(dir, 'include')))
  fs.writeFileSync(rebuilt, '')
  if (!fs.existsSync(addon) || nodeDir === undefined || loads()) return
  console.log('samsa: building the native ZooKeeper client (optional, once) ...')
  run('npm', ['rebuild', 'zookeeper', '--loglevel=silent'], { npm_config_nodedir: nodeDir })
}

function loads() {
  const node = path.join(modules, '.bin', 'node')
  return spawnSync(node, ['-e', "require('zookeeper')"], { cwd: root }).status === 0
}

function run(command, args, env = {}) {
  return spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, PATH: `${path.join(modules, '.bin')}${path.delimiter}${process.env.PATH}` },
  })
}
