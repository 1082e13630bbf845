/** Writes the cases that PyTorch has a say in, for torch-gradients.py. */
import type { Tensor } from '../../../../lib/graph/tensor.ts'
import { oracleCases } from './oracle-cases.ts'
import { weightsOf, written } from './written.ts'

const spec = (tensor: Tensor) => ({ dtype: tensor.dtype, shape: tensor.shape, values: tensor.toNumbers() })
const cases = Object.entries(oracleCases).flatMap(([name, it]) => (typeof it.torch === 'string'
  ? [[name, { torch: it.torch, inputs: it.inputs.map(spec), weights: weightsOf(written(it, it.differences ? 'float32' : 'float64').outputs).map(spec) }] as const]
  : []))
process.stdout.write(JSON.stringify(Object.fromEntries(cases)))
