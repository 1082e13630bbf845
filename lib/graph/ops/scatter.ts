import { operator, type GradientContext } from '../operator.ts'

/**
 * Gradient of a scatter: data keeps its own where it was not overwritten, the updates take theirs from where they went. `take` and `write` are the operator's
 * own gather and scatter. Where an element is written twice, only "add" says which update counts.
 */
function scatterGradient(take: 'GatherElements' | 'GatherND', write: 'ScatterElements' | 'ScatterND') {
  return ({ graph, node, inputs: [, indices, updates], gradients: [dy], wants }: GradientContext) => {
    const reduction = node.string('reduction', 'none')
    if (reduction !== 'none' && reduction !== 'add') throw new Error(`reduction "${reduction}" is not differentiable yet; "none" and "add" are`)
    const along: Record<string, number> = node.type === 'ScatterElements' ? { axis: node.int('axis') } : {}
    const kept = () => (reduction === 'add' ? dy : graph.op(write, [dy, indices, graph.zerosLike(updates)], along))
    return [wants(0) ? kept() : null, null, wants(2) ? graph.op(take, [dy, indices], along) : null]
  }
}

/** https://onnx.ai/onnx/operators/onnx__ScatterElements.html */
export const scatterElements = operator('ScatterElements', {
  shape: ([data]) => [{ dtype: data.dtype, shape: data.shape }],
  cost: () => ({ flops: 0 }),
  gradient: scatterGradient('GatherElements', 'ScatterElements'),
})

/** https://onnx.ai/onnx/operators/onnx__ScatterND.html */
export const scatterNd = operator('ScatterND', {
  shape: ([data]) => [{ dtype: data.dtype, shape: data.shape }],
  cost: () => ({ flops: 0 }),
  gradient: scatterGradient('GatherND', 'ScatterND'),
})
