import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as Danfo from 'danfojs-node'
import { Tensor } from '../graph/tensor.ts'
import { classTargets, correctClass } from './classes.ts'
import { Dataset } from './dataset.ts'

export interface CsvOptions {
  /** The column that a model is to find. */
  readonly label: string
  /** The columns that it sees (all others). */
  readonly features?: readonly string[]
}

/**
 * A table with a heading line, read with danfo.js: input `x` [N, features], float32. Words in the label's column become classes, in alphabetical order; so do whole numbers
 * from 0 on, as they are; other numbers stay numbers to be approximated.
 * @throws Error naming the file, and the row and column of what is not a number or missing.
 */
export async function csv(path: string, { label, features }: CsvOptions): Promise<Dataset<number>> {
  if (!existsSync(path)) throw new Error(`${path} is missing.`)
  const frame = await danfo().readCSV(path)
  const columns = features ?? frame.columns.filter((column) => column !== label)
  const absent = [label, ...columns].find((column) => !frame.columns.includes(column))
  if (absent !== undefined) throw new Error(`${path} has no column "${absent}". Its columns are ${frame.columns.join(', ')}.`)
  const rows = frame.values as unknown[][]
  const column = (name: string) => rows.map((row) => row[frame.columns.indexOf(name)])
  const x = Tensor.float32([rows.length, columns.length], interleaved(columns.map((name) => numbers(path, name, column(name)))))
  const about = { name: basename(path), source: path, complete: true, inputs: { x } }
  const found = column(label)
  if (found.every((value) => typeof value === 'string')) {
    const classes = [...new Set(found)].sort()
    return Dataset.of({ ...about, labels: found.map((value) => classes.indexOf(value)), classes, correct: correctClass })
  }
  const labels = numbers(path, label, found)
  const counts = labels.every((value) => Number.isInteger(value) && value >= 0)
  return Dataset.of({ ...about, labels, target: counts ? classTargets : approximated, correct: counts ? correctClass : neverCorrect })
}

function numbers(path: string, column: string, values: readonly unknown[]): number[] {
  return values.map((value, row) => {
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw new Error(`${path}, row ${row + 2}, column "${column}": ${JSON.stringify(value ?? '')} is not a number. Correct it, or leave the column out of \`features\`.`)
  })
}

const interleaved = (columns: readonly number[][]): number[] => (columns[0] ?? []).flatMap((_, row) => columns.map((values) => values[row]))

const approximated = (labels: readonly number[]): Tensor => Tensor.float32([labels.length, 1], labels)

function neverCorrect(): never {
  throw new TypeError('Numbers to be approximated are never just right or wrong, so there is no accuracy: compare a loss.')
}

function danfo(): typeof Danfo {
  try {
    return createRequire(import.meta.url)('danfojs-node') as typeof Danfo
  } catch (error) {
    throw new Error('CSV files are read with the package danfojs-node, which is not installed. Run `npm install danfojs-node`.', { cause: error })
  }
}
