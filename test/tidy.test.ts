/** House rules that a machine can check: layers, banned doors, sizes, names. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const ROOT = path.join(import.meta.dirname, '..')

const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  protocol: 1,
  records: 1,
  storage: 1,
  network: 1,
  zk: 1,
  zkserver: 1,
  cluster: 2,
  replication: 3,
  controller: 3,
  broker: 4,
  client: 4,
  host: 5,
  cli: 5,
  devcluster: 5,
  bench: 5,
  dashboard: 5,
  chaos: 5,
}
/** The shell may import within itself; two folders lean on a sibling. */
const SIBLINGS_ALLOWED = new Set(['storage>records', 'network>protocol'])
const SHELL = 5

const BANNED_BELOW_SHELL: readonly [RegExp, string][] = [
  [/from 'node:(fs|net|http|https|dgram|child_process|worker_threads|timers|process|os)/, 'node:*'],
  [
    /from '(winston|ws|zookeeper|node-zookeeper-client|commander|@platformatic\/kafka)'/,
    'a shell package',
  ],
  [/\bDate\.now\(|\bnew Date\(\)/, 'the wall clock'],
  [/\bMath\.random\(/, 'Math.random'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\(/, 'a timer'],
  [/\bprocess\.(nextTick|env|exit|argv|hrtime)/, 'process'],
  [/\bperformance\.now\(/, 'performance.now'],
]
const BANNED_EVERYWHERE: readonly [RegExp, string][] = [
  [/\bTODO\b|\bFIXME\b|\bXXX\b/, 'a TODO: do it, or list it in docs/limits.md'],
  [/^export default /m, 'a default export'],
  [/^(export )?(enum|namespace|abstract class) /m, 'a construct that types alone cannot erase'],
  [/: any[,;)\]]|as any\b|<any>/, 'any'],
]
const BANNED_NAMES = /(^|-)(utils?|misc|common|helpers?|impl)(-|\.|$)/

/** The first line of a function or a method; its end is found by the indentation. */
const FUNCTION_HEAD = new RegExp(
  '^(\\s*)(export )?(async )?' +
    '(function |static |get |set |(?!if|for|while|switch|return|guarded)#?[a-zA-Z]+\\()',
)

interface SourceFile {
  readonly file: string
  readonly text: string
  readonly lines: readonly string[]
}

function filesUnder(directory: string): SourceFile[] {
  return fs
    .readdirSync(path.join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const file = path.relative(ROOT, path.join(entry.parentPath, entry.name))
      const text = fs.readFileSync(path.join(ROOT, file), 'utf8')
      return { file, text, lines: text.split('\n') }
    })
}

const SOURCES = filesUnder('src')
const TESTS = filesUnder('test')

function complain(problems: readonly string[]): void {
  assert.deepEqual(problems, [])
}

test('imports point down, and siblings are strangers', () => {
  const problems: string[] = []
  for (const { file, text } of SOURCES) {
    const from = file.split(path.sep)[1]!
    const layer = LAYERS[from]
    if (layer === undefined) continue
    for (const [, target] of text.matchAll(/from '(\.[^']+)'/g)) {
      const resolved = path.relative(ROOT, path.resolve(ROOT, path.dirname(file), target!))
      const to = resolved.split(path.sep)[1]!
      const targetLayer = LAYERS[to]
      if (to === from || targetLayer === undefined || targetLayer < layer) continue
      if (layer === SHELL && targetLayer === SHELL) continue
      if (!SIBLINGS_ALLOWED.has(`${from}>${to}`)) problems.push(`${file} imports ${to}/`)
    }
  }
  complain(problems)
})

test('every folder of src has its layer', () => {
  const folders = fs
    .readdirSync(path.join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  complain(folders.filter((name) => LAYERS[name] === undefined))
})

test('below the shell nothing touches a socket, a clock, a disk or a die', () => {
  const problems: string[] = []
  for (const { file, lines } of SOURCES) {
    if ((LAYERS[file.split(path.sep)[1]!] ?? SHELL) === SHELL) continue
    lines.forEach((line, at) => {
      if (/^\s*(\/\/|\*|\/\*)/.test(line)) return
      for (const [pattern, what] of BANNED_BELOW_SHELL) {
        if (pattern.test(line)) problems.push(`${file}:${at + 1} uses ${what}`)
      }
    })
  }
  complain(problems)
})

test('no file has what no file should have', () => {
  const problems: string[] = []
  for (const { file, text } of [...SOURCES, ...TESTS]) {
    if (file.endsWith('tidy.test.ts') || file.endsWith('.d.ts')) continue
    for (const [pattern, what] of BANNED_EVERYWHERE) {
      if (pattern.test(text)) problems.push(`${file} has ${what}`)
    }
  }
  complain(problems)
})

test('no mutable state lives at module level', () => {
  const problems = SOURCES.flatMap(({ file, lines }) =>
    lines.flatMap((line, at) => (/^(export )?(let|var) /.test(line) ? [`${file}:${at + 1}`] : [])),
  )
  complain(problems)
})

test('files are short, and their lines too', () => {
  const problems: string[] = []
  for (const { file, lines } of [...SOURCES, ...TESTS]) {
    const limit = file.startsWith('test') ? 900 : 500
    // The text ends with a line feed.
    if (lines.length - 1 > limit)
      problems.push(`${file} has ${lines.length} lines, allowed ${limit}`)
    lines.forEach((line, at) => {
      // A long string that people search for is better in one piece.
      const isText = /['"`]|^\s*\/.*\/[a-z]*,$/.test(line) || /^\s*(\/\/|\/?\*)/.test(line)
      if (line.length > 100 && !isText) problems.push(`${file}:${at + 1} is ${line.length} wide`)
    })
  }
  complain(problems)
})

test('functions fit a screen', () => {
  const problems: string[] = []
  for (const { file, lines } of SOURCES) {
    let start = -1
    let indent = ''
    lines.forEach((line, at) => {
      const head = FUNCTION_HEAD.exec(line)
      if (start < 0 && head !== null && line.trimEnd().endsWith('{')) {
        start = at
        indent = head[1]!
      }
      if (start >= 0 && line === `${indent}}`) {
        if (at - start + 1 > 60) problems.push(`${file}:${start + 1} has ${at - start + 1} lines`)
        start = -1
      }
    })
  }
  complain(problems)
})

test('files are named after what they hold, in kebab-case', () => {
  const problems = [...SOURCES, ...TESTS]
    .map(({ file }) => file)
    .filter((file) => {
      const name = path.basename(file)
      return !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/.test(name) || BANNED_NAMES.test(name)
    })
  complain(problems)
})
