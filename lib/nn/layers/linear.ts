import { normal, uniform, type Init } from '../init.ts'
import { expectInput, learned, placeOf, requireSizes, type Layer } from './layer.ts'

export interface LinearOptions {
  /** Whether a bias is added (true). */
  bias?: boolean
  /** How weight and bias begin (uniform within 1/√inFeatures). */
  weightInit?: Init
  biasInit?: Init
}

/** x·weightᵀ + bias for x [..., inFeatures] and a weight [outFeatures, inFeatures]. */
export function linear(inFeatures: number, outFeatures: number, options: LinearOptions = {}): Layer {
  requireSizes('linear', { inFeatures, outFeatures })
  const { bias = true, weightInit = uniform(1 / Math.sqrt(inFeatures)), biasInit = uniform(1 / Math.sqrt(inFeatures)) } = options
  return learned((scope, x) => {
    expectInput(scope, x, -1, inFeatures, 'features', (features) => `linear(${features}, ${outFeatures})`)
    const weight = scope.parameter('weight', [outFeatures, inFeatures], weightInit)
    const offset = bias ? scope.parameter('bias', [outFeatures], biasInit) : null
    if (x.rank === 2) return scope.op('Gemm', [x, weight, offset], { transB: 1 })
    const product = scope.op('MatMul', [x, scope.builder.transpose(weight)])
    return offset ? scope.builder.add(product, offset) : product
  })
}

/** The rows of a weight [numEmbeddings, embeddingDim] that whole numbers name: [...] to [..., embeddingDim]. */
export function embedding(numEmbeddings: number, embeddingDim: number, { weightInit = normal() }: { weightInit?: Init } = {}): Layer {
  requireSizes('embedding', { numEmbeddings, embeddingDim })
  return learned((scope, x) => {
    if (x.dtype !== 'int64' && x.dtype !== 'int32')
      throw new Error(`${placeOf(scope)}: an embedding looks up whole numbers, and its input is ${x.dtype}. Declare it as { dtype: 'int64', shape: [...] }.`)
    return scope.op('Gather', [scope.parameter('weight', [numEmbeddings, embeddingDim], weightInit), x])
  })
}
