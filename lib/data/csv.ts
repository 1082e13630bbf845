import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as Danfo from 'danfojs-node'
import { Tensor } from '../graph/tensor.ts'
import { told } from '../require.ts'
import { correctClass, correctSide } from './classes.ts'
import { Dataset, type Samples } from './dataset.ts'

/** What a label is: a class for a cross entropy, one of two for `bceWithLogits`, or a number to be approximated, for `meanSquaredError`. */
export type Task = 'classification' | 'binary' | 'regression'

export interface CsvOptions {
  /** The column that a model is to find. */
  readonly label: string
  /** The columns that it sees (all others). */
  readonly features?: readonly string[]
  /** What the label is (classification where the column holds words, or whole numbers from 0 on; regression otherwise). */
  readonly task?: Task
  /** The words in the label's column by the number of their class (those that are there, in alphabetical order): `classes: train.classes` for a file to test on. */
  readonly classes?: readonly string[]
}

/**
 * A table with a heading line, read with danfo.js: input `x` [N, features], float32. Words in the label's column become classes, in alphabetical order unless
 * `classes` says another; numbers stay as they are.
 * @throws Error naming the file, and the row and column of what is not a number, missing, or no label of the task.
 */
export async function csv(path: string, { label, features, task, classes }: CsvOptions): Promise<Dataset<number>> {
  const frame = await read(path)
  const columns = features ?? frame.columns.filter((column) => column !== label)
  const absent = [label, ...columns].find((column) => !frame.columns.includes(column))
  if (absent !== undefined) throw new Error(`${path} has no column "${absent}". Its columns are ${frame.columns.join(', ')}.`)
  const rows = frame.values as unknown[][]
  const column = (name: string) => rows.map((row) => row[frame.columns.indexOf(name)])
  const x = Tensor.float32([rows.length, columns.length], interleaved(columns.map((name) => numbers(path, name, column(name), 'Correct it, or leave the column out of `features`.'))))
  return Dataset.of({ name: basename(path), source: path, complete: true, inputs: { x }, ...labelled(path, label, column(label), task, classes) })
}

async function read(path: string): Promise<Danfo.DataFrame> {
  if (!existsSync(path)) throw new Error(`${path} is missing.`)
  const { readCSV } = danfo()
  try {
    return await readCSV(path)
  } catch (error) {
    throw new Error(`${path} is no table: ${(error as Error).message}. It needs a heading line, and rows of as many fields.`, { cause: error })
  }
}

/** What there is to say of the labels in a column. */
function labelled(path: string, column: string, found: readonly unknown[], wanted: Task | undefined, given: readonly string[] | undefined): Pick<Samples<number>, 'labels' | 'classes' | 'target' | 'correct'> {
  if (given && wanted === 'regression') throw new RangeError('csv: a regression approximates numbers, and `classes` names classes. Leave one of them out.')
  const words = wanted !== 'regression' && found.every((value) => typeof value === 'string' || typeof value === 'boolean')
  const classes = given ?? (words ? [...new Set(found.map(String))].sort() : undefined)
  const labels = classes ? counted(path, column, found, classes) : numbers(path, column, found, 'Correct it: labels are all numbers, or for classes all words.')
  const task = wanted ?? (labels.every(isClass) ? 'classification' : 'regression')
  if (!Object.hasOwn(TASKS, task)) throw new RangeError(`csv: a task is ${Object.keys(TASKS).join(', ')}, not "${task}"`)
  const { takes, such, ...about } = TASKS[task]
  const bad = labels.findIndex((value) => !takes(value))
  if (bad >= 0) throw new Error(`${path}, row ${bad + 2}, column "${column}": ${JSON.stringify(found[bad])} is no label for ${task}, which takes ${such}. Say another \`task\`: ${Object.keys(TASKS).join(', ')}.`)
  return { labels, classes, ...about }
}

const isClass = (label: number): boolean => Number.isInteger(label) && label >= 0

/** Labels as a loss compares them with an output [N, 1]. */
const column = (labels: readonly number[]): Tensor => Tensor.float32([labels.length, 1], labels)

/** Which labels a task takes, in words too; what a loss compares, and what is right. */
const TASKS: Readonly<Record<Task, { readonly takes: (label: number) => boolean; readonly such: string } & Pick<Samples<number>, 'target' | 'correct'>>> = {
  classification: { takes: isClass, such: 'words, or whole numbers from 0 on', correct: correctClass },
  binary: { takes: (label) => label === 0 || label === 1, such: 'two words, or 0 and 1', target: column, correct: correctSide },
  regression: { takes: () => true, such: 'numbers', target: column },
}

/** Which class each word is. */
function counted(path: string, column: string, words: readonly unknown[], classes: readonly string[]): number[] {
  return words.map((word, row) => {
    const label = classes.indexOf(String(word))
    if (label < 0) throw new Error(`${path}, row ${row + 2}, column "${column}": ${JSON.stringify(word ?? '')} is none of the classes ${told(classes)}. Correct it, or add it to \`classes\`.`)
    return label
  })
}

function numbers(path: string, column: string, values: readonly unknown[], wayOut: string): number[] {
  return values.map((value, row) => {
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw new Error(`${path}, row ${row + 2}, column "${column}": ${JSON.stringify(value ?? '')} is not a number. ${wayOut}`)
  })
}

const interleaved = (columns: readonly number[][]): number[] => (columns[0] ?? []).flatMap((_, row) => columns.map((values) => values[row]))

function danfo(): typeof Danfo {
  try {
    return createRequire(import.meta.url)('danfojs-node') as typeof Danfo
  } catch (error) {
    throw new Error('CSV files are read with the package danfojs-node, which is not installed. Run `npm install danfojs-node`.', { cause: error })
  }
}
