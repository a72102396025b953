/**
 * Runs before `npm start` and `npm test`: installs what is missing, so that each of them works alone on
 * a fresh clone. Plain JavaScript, since it may run on an older Node than the one it installs. When all
 * is there it only compares two lock files.
 */
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const modules = path.join(root, 'node_modules')
const ownNode = path.join(modules, '.bin', 'node')
/** Gone with `node_modules`, so what follows an install is done once for each. */
const observerMark = path.join(modules, '.zookeeper-rebuilt')

const OLDEST_NODE = [22, 18]
const PROGRESS_MS = 10_000
const LOAD_TIMEOUT_MS = 20_000

if (!isInstalled()) await install()
checkNode()
if (!fs.existsSync(observerMark)) rebuildObserver()

/** Every package of the lock file is there in its version; optional ones may be missing. */
function isInstalled() {
  const wanted = readPackages(path.join(root, 'package-lock.json'))
  const present = readPackages(path.join(modules, '.package-lock.json'))
  return Object.entries(wanted).every(([name, { version, optional, devOptional }]) => {
    const found = present[name]
    if (name === '' || found?.version === version) return true
    return found === undefined && (optional === true || devOptional === true)
  })
}

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages
  } catch {
    return {}
  }
}

async function install() {
  const startMs = Date.now()
  const seconds = () => Math.round((Date.now() - startMs) / 1000)
  console.log('samsa: installing dependencies (once, about half a minute) ...')
  const timer = setInterval(() => console.log(`samsa: ... ${seconds()} s`), PROGRESS_MS)
  const args = ['ci', '--no-fund', '--no-audit', '--loglevel=error']
  const failure = await new Promise((resolve) => {
    const npm = spawn('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    npm.once('error', (error) => resolve(error.message))
    npm.once('exit', (code, signal) => resolve(code === 0 ? null : `ended with ${signal ?? code}`))
  })
  clearInterval(timer)
  if (failure !== null) {
    console.error(`samsa: npm ci failed: ${failure}`)
    console.error('Is the npm registry reachable? `npm ci` shows all of its output.')
    process.exit(1)
  }
  console.log(`samsa: installed in ${seconds()} s`)
  if (fs.existsSync(ownNode)) compile()
}

/** Fills the cache of compiled code, so that the first start is as quick and as light as any other. */
function compile() {
  const source = path.join(root, 'src')
  const NODE_COMPILE_CACHE = path.join(modules, '.cache', 'samsa')
  const run = (...args) =>
    spawnSync(ownNode, args, { cwd: root, env: { ...process.env, NODE_COMPILE_CACHE } })
  for (const command of ['broker', 'zookeeper', 'up', 'dashboard', 'proxy', 'topics']) {
    run(path.join(source, 'main.ts'), command, '--help')
  }
  // Which a broker loads when it is given `samsa.http.listener`.
  const later = ['http-endpoint.ts', 'log-events.ts', 'broker-faults.ts', 'metrics-page.ts']
  run(...later.flatMap((file) => ['--import', path.join(source, 'host', file)]), '--eval', '0')
}

/** npm puts `node_modules/.bin` first on the path: the scripts run on our Node when it is there. */
function checkNode() {
  if (fs.existsSync(ownNode)) return
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  console.error(`samsa: this is Node ${process.versions.node}, ${OLDEST_NODE.join('.')} is needed.`)
  console.error('`npm ci --include=dev` brings one along.')
  process.exit(1)
}

/**
 * The native ZooKeeper client was compiled for the Node that ran npm; ours is the one in
 * `node_modules`, which brings its headers. Optional: without it `samsa zk` uses the other client. A
 * start does not wait for the compiler, the tests do.
 */
function rebuildObserver() {
  fs.writeFileSync(observerMark, '')
  const nodeDir = nodeHeaders()
  if (!fs.existsSync(path.join(modules, 'zookeeper')) || nodeDir === null || loads()) return
  const bin = path.join(modules, '.bin')
  const options = {
    cwd: root,
    env: {
      ...process.env,
      npm_config_nodedir: nodeDir,
      PATH: `${bin}${path.delimiter}${process.env.PATH}`,
    },
  }
  const args = ['rebuild', 'zookeeper', '--loglevel=silent']
  if (process.env.npm_lifecycle_event === 'prestart' && process.platform !== 'win32') {
    const nice = ['-n', '19', 'npm', ...args]
    const background = spawn('nice', nice, { ...options, stdio: 'ignore', detached: true })
    background.once('error', () => {})
    background.unref()
    return
  }
  console.log('samsa: building the native ZooKeeper client (optional, once) ...')
  spawnSync('npm', args, { ...options, stdio: ['ignore', 'ignore', 'ignore'] })
}

function nodeHeaders() {
  const name = `node-${process.platform}-${process.arch}`
  const candidates = [path.join(modules, 'node', 'node_modules', name), path.join(modules, name)]
  return candidates.find((directory) => fs.existsSync(path.join(directory, 'include'))) ?? null
}

function loads() {
  const options = { cwd: root, timeout: LOAD_TIMEOUT_MS }
  return spawnSync(ownNode, ['-e', "require('zookeeper')"], options).status === 0
}
