import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { apisPage, configurationPage } from './support/generated-docs.ts'

const DOCS = path.join(import.meta.dirname, '..', 'docs')

function check(name: string, page: string): void {
  const file = path.join(DOCS, name)
  if (process.env.UPDATE_DOCS === '1') fs.writeFileSync(file, page)
  assert.equal(fs.readFileSync(file, 'utf8'), page, `docs/${name} is old: run npm run docs`)
}

test('docs/apis.md tells what ApiVersions advertises', () => {
  check('apis.md', apisPage())
})

test('docs/configuration.md tells every setting', () => {
  check('configuration.md', configurationPage())
})

test('links between the documents lead somewhere', () => {
  const pages = [
    ...fs.readdirSync(DOCS).map((name) => path.join(DOCS, name)),
    path.join(DOCS, '..', 'README.md'),
  ]
  const broken: string[] = []
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    for (const [, target] of fs
      .readFileSync(page, 'utf8')
      .matchAll(/\]\((?!http)([^)#]+)[^)]*\)/g)) {
      if (!fs.existsSync(path.join(path.dirname(page), target!))) broken.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})
