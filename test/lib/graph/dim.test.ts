import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { add, ceilDivide, differs, floorDivide, multiply, parseDim, sameDim, substitute, subtract, symbol, type Dim } from '../../../lib/graph/dim.ts'

const n = symbol('N')
const h = symbol('H')

test('equal expressions are written alike, however they came about', () => {
  assert.equal(String(add(n, 1, n)), '2*N + 1')
  assert.equal(String(subtract(add(n, h), h)), 'N')
  assert.equal(floorDivide(multiply(n, 6), 3)?.toString(), '2*N')
  assert.ok(sameDim(floorDivide(multiply(n, h, 4), multiply(4, h)), n))
  assert.equal(String(ceilDivide(multiply(n, 2), 2)), 'N')
  assert.equal(subtract(n, n), 0)
})

test('the output size of a strided window of an unknown height', () => {
  const out = add(floorDivide(subtract(h, 3), 2), 1)
  assert.equal(String(out), 'floor((H - 3)/(2)) + 1')
  assert.equal(substitute(out, { H: 24 }), 11)
})

test('an unknown dimension equals nothing, not even itself, and is surely different from nothing', () => {
  assert.equal(sameDim(null, null), false)
  assert.equal(differs(null, 3), false)
  assert.equal(add(null, 1), null)
  assert.equal(multiply(null, 0), 0)
})

test('symbols that may be equal do not differ; shifted ones do', () => {
  assert.equal(differs(n, h), false)
  assert.equal(differs(n, add(n, 1)), true)
  assert.equal(differs(3, 4), true)
})

const dims = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof({ maxDepth: 4 }, fc.integer({ min: 0, max: 9 }), fc.constantFrom(n, h),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => add(a, b)),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => subtract(a, b)),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => multiply(a, b)),
    fc.tuple(tie('dim'), fc.integer({ min: 1, max: 5 })).map(([a, b]) => floorDivide(a, b))),
})).dim

test('what an expression prints reads back as itself', () => {
  fc.assert(fc.property(dims, (dim) => sameDim(parseDim(String(dim)), dim)))
})

test('arithmetic with symbols is arithmetic with the numbers put in', () => {
  const sizes = { N: 7, H: 24 }
  const value = (d: Dim) => substitute(d, sizes) as number
  fc.assert(fc.property(dims, dims, fc.integer({ min: 1, max: 6 }), (a, b, k) => {
    assert.equal(value(add(a, b)), value(a) + value(b))
    assert.equal(value(multiply(a, b)), value(a) * value(b) + 0)
    assert.equal(value(floorDivide(a, k)), Math.floor(value(a) / k))
    assert.equal(value(ceilDivide(a, k)), Math.ceil(value(a) / k) + 0)
  }))
})

test('a file may call a dimension anything', () => {
  for (const name of ['batch size', 'seq-len/', '?', '3x', 'N+']) assert.equal(String(parseDim(name)), name)
  assert.equal(String(parseDim('past + 1')), 'past + 1')
})
