import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from '../../lib/table.ts'
import { countText, digits, percentText, sizeText, timeRange, timeText, timeUnit } from '../../lib/units.ts'

test('times, sizes and shares are written for people', () => {
  assert.deepEqual([12.3456, 0.0123456, 4.2e-5, 3e-9, 0].map(timeText), ['12.3 s', '12.3 ms', '42.0 µs', '3.00 ns', '0 ns'])
  assert.deepEqual([12, 1588, 1_890_123, 5.53e8].map(sizeText), ['12 B', '1.59 kB', '1.89 MB', '553 MB'])
  assert.equal(timeRange(0.00098, 0.0011), '0.980 - 1.10 ms')
  assert.deepEqual([2, 0.5, 2e-5].map((seconds) => timeUnit(seconds)[1]), ['s', 'ms', 'µs'])
  assert.equal(percentText(0.8994), '89.9 %')
  assert.deepEqual([3, 0.5, 4096, 1.18e9].map(countText), ['3', '0.500', '4.10 k', '1.18 G'])
  assert.deepEqual([1234.5, 0.01234, -2.5].map(digits), ['1235', '0.0123', '-2.50'])
})

test('a table lines up as text and escapes as HTML', () => {
  const columns = [{ heading: 'layer', cell: (row: { name: string; ms: number }) => row.name }, { heading: 'ms', cell: (row: { ms: number }) => row.ms.toFixed(1) }]
  const shown = table([{ name: 'conv<1>', ms: 12.34 }, { name: 'relu', ms: 1 }], columns, 'On the CPU.')
  assert.equal(shown['text/plain'], ['layer      ms', '───────  ────', 'conv<1>  12.3', 'relu      1.0', '', 'On the CPU.'].join('\n'))
  assert.match(shown['text/html'], /conv&#60;1&#62;.*<small>On the CPU\.<\/small>/)
})
