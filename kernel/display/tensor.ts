import { types } from 'node:util'
import type { MimeBundle } from './bundle.ts'
import { escapeHtml } from './html.ts'
import { limits } from './limits.ts'
import { histogram, short, summarize, summaryText, type Numbers } from './numbers.ts'

/** A long array of numbers, typed or not: the first of them, what they have in common, their distribution. */
export function numbers(value: object): MimeBundle | undefined {
  if (!isNumbers(value) || value.length <= limits.items) return undefined
  const all: Numbers = value
  const ends = [...Array(SHOWN.first).keys()].map((i) => all[i]).concat(Array.from({ length: SHOWN.last }, (_, i) => all[all.length - SHOWN.last + i]))
  const texts = ends.map(short).toSpliced(SHOWN.first, 0, '...')
  return bundle(`${value.constructor.name}(${all.length}) [ ${texts.join(', ')} ]`, all)
}

/** How many of a long array's numbers are shown. */
const SHOWN = { first: 8, last: 3 }

/** Rows of numbers, all of a length, as a tensor. */
export function matrix(value: object): MimeBundle | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const rows = value as object[]
  const width = (rows[0] as Partial<Numbers> | null)?.length ?? 0
  if (rows.length * width <= limits.items || !rows.every((row) => isNumbers(row) && row.length === width)) return undefined
  const data = (rows as ArrayLike<number>[]).flatMap((row) => Array.from(row))
  return bundle(`Array [${rows.length}, ${width}]\n${nested(data, [rows.length, width])}`, data)
}

function isNumbers(value: unknown): value is Numbers {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'number')
  return types.isTypedArray(value) && !Buffer.isBuffer(value)
}

/** A tensor of this project, of ONNX Runtime or of TensorFlow.js: element type, shape, numbers. */
export function tensor(value: object): MimeBundle | undefined {
  const found = readTensor(value)
  if (found === undefined) return undefined
  const { dtype, shape, data } = found
  const head = `${dtype} [${shape.join(', ')}]`
  if (data === undefined) return { 'text/plain': `${head}, not in the memory of the processor` }
  return bundle(`${head}\n${nested(data, shape)}`, data)
}

interface Tensor {
  dtype: string
  shape: readonly number[]
  /** Absent where the numbers are elsewhere, on a GPU for instance. */
  data: ArrayLike<number | bigint | string | boolean> | undefined
}

function readTensor(value: object): Tensor | undefined {
  const { shape, dims = shape, dtype, type = dtype } = value as Record<string, unknown>
  if (!isShape(dims) || typeof type !== 'string') return undefined
  const data = elements(value)
  const isComplete = data === undefined || data.length === dims.reduce((product, size) => product * size, 1)
  return isComplete ? { dtype: type, shape: dims, data: data && decoded(type, data) } : undefined
}

function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0)
}

/** ONNX Runtime throws for data that is not on the processor, TensorFlow.js for a tensor that was disposed. */
function elements(value: object): Tensor['data'] {
  try {
    const { data, dataSync } = value as { data?: unknown; dataSync?: unknown }
    const found: unknown = typeof dataSync === 'function' ? Reflect.apply(dataSync, value, []) : data
    return Array.isArray(found) || types.isTypedArray(found) ? found : undefined
  } catch {
    return undefined
  }
}

/** Sixteen-bit floats come as their bits where JavaScript has no array for them. */
function decoded(dtype: string, data: NonNullable<Tensor['data']>): NonNullable<Tensor['data']> {
  if (!(data instanceof Uint16Array)) return data
  if (dtype === 'bfloat16') return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer)
  return dtype === 'float16' ? Float32Array.from(data, halfToNumber) : data
}

/** https://en.wikipedia.org/wiki/Half-precision_floating-point_format */
function halfToNumber(bits: number): number {
  const sign = bits >> 15 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
}

function bundle(text: string, data: NonNullable<Tensor['data']>): MimeBundle {
  if (data.length <= FEW || !isNumeric(data)) return { 'text/plain': text }
  const summary = summarize(data)
  const line = summaryText(summary, data.length)
  const drawing = summary.greatest > summary.least ? histogram(data, summary) : ''
  return { 'text/plain': `${text}\n${line}`, 'text/html': `<pre style="margin: 0">${escapeHtml(text)}</pre>${drawing}<div>${line}</div>` }
}

/** Fewer numbers than this speak for themselves. */
const FEW = 16

function isNumeric(data: NonNullable<Tensor['data']>): data is Numbers {
  return typeof data[0] === 'number' || typeof data[0] === 'bigint'
}

/** Above this many numbers, only the edges of each dimension are shown, as NumPy does. */
const MANY = 1000
const EDGE = 3

/** Numbers in brackets, a row a line. */
function nested(data: NonNullable<Tensor['data']>, shape: readonly number[]): string {
  const isCut = data.length > MANY
  const text = (i: number) => (typeof data[i] === 'number' ? short(data[i]) : String(data[i]))
  const places = (size: number) => {
    const all = [...Array(size).keys()]
    return isCut && size > 2 * EDGE ? [...all.slice(0, EDGE), null, ...all.slice(-EDGE)] : all
  }
  const rowsOf = (offset: number, dimension: number): string => {
    if (dimension === shape.length) return text(offset)
    const stride = shape.slice(dimension + 1).reduce((product, size) => product * size, 1)
    const parts = places(shape[dimension]).map((i) => (i === null ? '...' : rowsOf(offset + i * stride, dimension + 1)))
    const isRow = dimension === shape.length - 1
    return `[${parts.join(isRow ? ' ' : `\n${' '.repeat(dimension + 1)}`)}]`
  }
  return aligned(rowsOf(0, 0))
}

/** Every number as wide as the widest. */
function aligned(text: string): string {
  const numbers = text.match(/[^\s[\]]+/g) ?? []
  const width = numbers.reduce((widest, number) => (number === '...' ? widest : Math.max(widest, number.length)), 0)
  return text.replace(/[^\s[\]]+/g, (number) => (number === '...' ? number : number.padStart(width)))
}
