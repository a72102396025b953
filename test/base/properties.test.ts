import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProperties } from '../../src/base/properties.ts'

const parse = (text: string) => Object.fromEntries(parseProperties(text))

test('keys and values stand apart by equals sign, colon or space', () => {
  assert.deepEqual(parse('a=1\nb: 2\nc 3\n d  =  4 \ne\nf=\n'), {
    a: '1',
    b: '2',
    c: '3',
    d: '4 ',
    e: '',
    f: '',
  })
})

test('only the first separator counts', () => {
  assert.deepEqual(parse('a==b\nc=d:e=f\ng :=h'), { a: '=b', c: 'd:e=f', g: '=h' })
})

test('comments and empty lines do not count, a hash inside a value does', () => {
  assert.deepEqual(parse('# one\n  ! two\n\n\t\na=b # c'), { a: 'b # c' })
})

test('a line that ends in a backslash goes on, without the leading space of the next', () => {
  assert.deepEqual(parse('a=b,\\\n   c,\\\r\n   d\ne=f\\\\\ng=h'), { a: 'b,c,d', e: 'f\\', g: 'h' })
})

test('a line that goes on does not become a comment', () => {
  assert.deepEqual(parse('a=b\\\n#c'), { a: 'b#c' })
})

test('escapes stand for the characters they name', () => {
  assert.deepEqual(parse('a\\ b\\=c=\\u00e4\\t\\n\\x\\\\'), { 'a b=c': 'ä\t\nx\\' })
})

test('the last value of a key counts', () => {
  assert.deepEqual(parse('a=1\na=2'), { a: '2' })
})
