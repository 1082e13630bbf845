import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromDataFrame, toDataFrame } from '../../lib/data-frame.ts'

const rows = [
  { name: 'float32', seconds: 0.0021, right: 900, exact: true },
  { name: 'int8', seconds: 0.0012, right: 894, exact: false },
]

test('records become a data frame that computes, and come back', () => {
  const frame = toDataFrame(rows)
  assert.deepEqual(frame.columns, ['name', 'seconds', 'right', 'exact'])
  assert.equal(frame.column('right').mean(), 897)
  assert.deepEqual(fromDataFrame(frame), rows)
  assert.deepEqual(fromDataFrame(frame.query(frame.column('right').gt(895))), rows.slice(0, 1))
})

test('a row that lacks a key gets null there, and no row is no trouble', () => {
  assert.deepEqual(fromDataFrame(toDataFrame([{ a: 1 }, { b: 'x' }])), [{ a: 1, b: null }, { a: null, b: 'x' }])
  assert.deepEqual(fromDataFrame(toDataFrame([])), [])
})
