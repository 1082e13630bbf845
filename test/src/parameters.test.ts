import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notebook } from '../../lib/report/notebook.ts'
import { codeCell } from '../../src/notebook.ts'
import { declaredParameters, parsedSettings, withParameters } from '../../src/parameters.ts'

const SOURCE = `// What may be set from outside
const profile: 'quick' | 'standard' | 'full' = 'quick' // how much
let amount = 0.2, shift: number = -1, device: 'auto' | 'cpu' = 'auto'
const verbose: boolean = false
const sizes: number[] = [1, 8, 64]
const batch: 1 | 100 = 100
const label = 'plates', start = Date.now()
type Unused = { a: string }
`
const notebook = (source: string): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [codeCell('import fs from "fs"'), codeCell(source, ['parameters']), codeCell('amount')],
})
const parameters = declaredParameters(notebook(SOURCE))

test('literal defaults are parameters, a union of literals gives the values allowed', () => {
  assert.deepEqual(parameters.map(({ name, value }) => [name, value]), [
    ['profile', 'quick'], ['amount', 0.2], ['shift', -1], ['device', 'auto'], ['verbose', false], ['sizes', [1, 8, 64]], ['batch', 100], ['label', 'plates'],
  ])
  assert.deepEqual(parameters.filter(({ allowed }) => allowed).map(({ name, allowed }) => [name, allowed]), [
    ['profile', ['quick', 'standard', 'full']], ['device', ['auto', 'cpu']], ['batch', [1, 100]],
  ])
})

test('texts become values of the kind that the default has', () => {
  const settings = { profile: 'full', amount: '0.5', shift: '3', verbose: 'true', sizes: '[2, 4]', batch: '1', label: '17' }
  assert.deepEqual(parsedSettings(parameters, settings), { profile: 'full', amount: 0.5, shift: 3, verbose: true, sizes: [2, 4], batch: 1, label: '17' })
})

test('an unknown name or a value that does not fit is refused, naming what there is', () => {
  const refused = (settings: Record<string, string>) => () => parsedSettings(parameters, settings)
  assert.throws(refused({ amuont: '1' }), /no parameter amuont; this notebook has profile, amount, shift, device, verbose, sizes, batch, label\./)
  assert.throws(refused({ profile: 'huge' }), /profile cannot be huge: it is one of quick, standard, full\./)
  assert.throws(refused({ amount: 'much' }), /amount cannot be much: it is a number, such as 0\.2\./)
  assert.throws(refused({ verbose: 'yes' }), /verbose cannot be yes: it is a boolean, such as false\./)
  assert.throws(refused({ sizes: '3' }), /sizes cannot be 3: it is a list in JSON, such as \[1,8,64\]\./)
  assert.throws(() => parsedSettings([], { profile: 'full' }), /this notebook has none \(no cell is tagged parameters\)/)
  assert.throws(() => declaredParameters(notebook('const = 3')), /The cell tagged parameters cannot be read: .*/)
})

test('values go into a cell of their own after the parameters, again and again', () => {
  const injected = (found: Notebook) => found.cells.map((cell) => [cell.metadata.tags?.[0], cell.source])
  const once = withParameters(notebook(SOURCE), { amount: 0.5, label: 'a "b"' })
  assert.deepEqual(injected(once)[2], ['injected-parameters', 'const amount = 0.5\nconst label = "a \\"b\\""'])
  assert.deepEqual(injected(withParameters(once, { amount: 1 }))[2], ['injected-parameters', 'const amount = 1'])
  assert.equal(withParameters(once, { amount: 1 }).cells.length, 4)
})
