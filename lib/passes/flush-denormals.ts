import { Tensor } from '../graph/tensor.ts'
import { MAGNITUDE } from './bits.ts'
import { storeIn } from './constant.ts'
import { pass, type Pass } from './pass.ts'

const EXPONENT = 0x7f800000

/**
 * Sets stored float32 numbers to zero that are too small for full precision (below 1.2e-38), as weight decay leaves behind in channels that do nothing. No output moves beyond rounding, but many
 * processors compute with such numbers a hundred times slower. `denormalsAsZero` of a session does it for all that a process computes.
 */
export function flushDenormals(): Pass {
  return pass('flush-denormals', {}, (graph, report) => {
    for (const { initializers } of [graph, ...graph.allNodes().flatMap(({ subgraphs }) => subgraphs)]) {
      for (const value of initializers) {
        const tensor = value.initializer!
        const count = tensor.dtype === 'float32' ? denormals(tensor) : 0
        if (!count) continue
        storeIn(value, flushed(tensor))
        report.change(value, `${count.toLocaleString('en-US')} of ${tensor.size.toLocaleString('en-US')} numbers set to zero`)
      }
    }
  })
}

const isDenormal = (word: number): boolean => (word & EXPONENT) === 0 && (word & MAGNITUDE) !== 0

function denormals({ data }: Tensor): number {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length)
  let count = 0
  for (let i = 0; i < words.length; i++) if (isDenormal(words[i]!)) count++
  return count
}

function flushed({ dtype, shape, bytes }: Tensor): Tensor {
  const copy = Uint8Array.from(bytes)
  const words = new Uint32Array(copy.buffer)
  for (let i = 0; i < words.length; i++) if (isDenormal(words[i]!)) words[i] = 0
  return Tensor.raw(dtype, shape, copy)
}
