/**
 * The page's own files: `public/` and the pure code of `history/` that it folds events with. A browser
 * gets the TypeScript with its types blanked out, or from a built package the JavaScript beside it,
 * under the same names. Nothing else can be asked for.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import module from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

const gzip = promisify(zlib.gzip)

export interface PageFile {
  readonly type: string
  readonly etag: string
  readonly body: Buffer
  readonly packed: Buffer
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/** One file of `public/` or `history/`; no way leads out of them. */
const SERVED = /^\/(history\/)?([a-z0-9]+(?:-[a-z0-9]+)*\.(?:html|css|svg|ts|js))$/

const MODULES_MARK = '<!-- modules -->'

interface Kept {
  readonly modifiedMs: number
  readonly file: PageFile
}

export class PageFiles {
  readonly #directory: string
  readonly #kept = new Map<string, Kept>()

  constructor(directory = import.meta.dirname) {
    this.#directory = directory
  }

  /** Has everything at hand, so that the first page comes as fast as the second. */
  async warm(): Promise<void> {
    for (const folder of ['public', 'history']) {
      for (const name of await fs.readdir(path.join(this.#directory, folder))) {
        const file = path.join(this.#directory, folder, name)
        if (path.extname(name) in TYPES) await this.#load(file)
      }
    }
  }

  /** Null: there is no such file. `urlPath` has no query. */
  async read(urlPath: string): Promise<PageFile | null> {
    const found = SERVED.exec(urlPath === '/' ? '/index.html' : urlPath)
    if (found === null) return null
    const folder = found[1] === undefined ? 'public' : 'history'
    const name = found[2]!
    const asked = path.join(this.#directory, folder, name)
    return (await this.#load(asked)) ?? (await this.#load(asked.replace(/\.ts$/, '.js')))
  }

  async #load(file: string): Promise<PageFile | null> {
    const modifiedMs = await fs.stat(file).then(
      (stat) => stat.mtimeMs,
      () => null,
    )
    if (modifiedMs === null) return null
    const kept = this.#kept.get(file)
    if (kept?.modifiedMs === modifiedMs) return kept.file
    const text = await this.#text(file)
    const body = Buffer.from(text)
    const packed = await gzip(body)
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
    const loaded = { type: TYPES[path.extname(file)]!, etag, body, packed }
    this.#kept.set(file, { modifiedMs, file: loaded })
    return loaded
  }

  async #text(file: string): Promise<string> {
    const text = await fs.readFile(file, 'utf8')
    if (file.endsWith('.ts')) return withoutTypes(text)
    if (file.endsWith('.html')) return this.#withModules(text)
    return text
  }

  /** All modules at once instead of one round trip for each level of imports. */
  async #withModules(html: string): Promise<string> {
    const names = await fs.readdir(path.join(this.#directory, 'public'))
    const modules = names.filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.d.ts'))
    const links = modules.map((name) => `<link rel="modulepreload" href="/${name}">`)
    // In a built package the modules call each other by these names.
    const main = modules.includes('main.js') ? 'main.js' : 'main.ts'
    return html.replace(MODULES_MARK, links.join('\n')).replace('"/main.ts"', `"/${main}"`)
  }
}

/** Node says once that this is experimental, which is no news for who starts a cluster. */
function withoutTypes(text: string): string {
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return module.stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
