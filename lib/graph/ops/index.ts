import type { Node } from '../graph.ts'
import type { Operator } from '../operator.ts'
import * as concat from './concat.ts'
import * as control from './control.ts'
import * as conv from './conv.ts'
import * as ctc from './ctc.ts'
import * as dropout from './dropout.ts'
import * as einsum from './einsum.ts'
import * as elementwise from './elementwise.ts'
import * as gather from './gather.ts'
import * as gru from './gru.ts'
import * as integer from './integer.ts'
import * as layout from './layout.ts'
import * as lowBit from './low-bit.ts'
import * as lstm from './lstm.ts'
import * as matmul from './matmul.ts'
import * as microsoft from './microsoft.ts'
import * as norm from './norm.ts'
import * as pad from './pad.ts'
import * as pool from './pool.ts'
import * as quantize from './quantize.ts'
import * as reduce from './reduce.ts'
import * as repeat from './repeat.ts'
import * as reshape from './reshape.ts'
import * as resize from './resize.ts'
import * as rnn from './rnn.ts'
import * as scatter from './scatter.ts'
import * as select from './select.ts'
import * as shape from './shape.ts'
import * as slice from './slice.ts'
import * as softmax from './softmax.ts'
import * as trilu from './trilu.ts'

/** Every operator that hone knows, by domain and type. A family is a file; this table is the only other place that names it. */
const families: readonly Readonly<Record<string, unknown>>[] = [
  concat, control, conv, ctc, dropout, einsum, elementwise, gather, gru, integer, layout, lowBit, lstm, matmul, microsoft, norm, pad,
  pool, quantize, reduce, repeat, reshape, resize, rnn, scatter, select, shape, slice, softmax, trilu,
]

/** Every operator that hone knows. */
export const operators: readonly Operator[] = families.flatMap((family) => Object.values(family).flat()).filter((x): x is Operator => (x as Partial<Operator>).type !== undefined)
const byKey = new Map(operators.map((op) => [key(op.domain, op.type), op]))

function key(domain: string, type: string): string {
  return `${domain === 'ai.onnx' ? '' : domain}.${type}`
}

/** What is known of a node's operator; undefined for one that hone does not know, which passes through untouched. */
export function operatorOf(node: Node): Operator | undefined {
  return byKey.get(key(node.domain, node.type))
}
