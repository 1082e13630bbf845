import { isStatic } from '../graph/dim.ts'
import { copyNode, Graph, type Node, type Value } from '../graph/graph.ts'
import { inferNode } from '../graph/infer.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { byteLength, sizeOf, Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { Session } from '../runtime/session.ts'
import { pass, type Pass } from './pass.ts'

const RANDOM: ReadonlySet<string> = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Multinomial', 'Bernoulli'])

export interface FoldConstantsOptions {
  /** Largest result in bytes (1 MiB) that may take more room than what it is computed from. */
  limit?: number
}

/**
 * Computes what depends on constants alone, or on shapes that are known, and stores the results. Exact: ONNX Runtime computes each node with the
 * kernel that would have run it.
 */
export function foldConstants({ limit = 2 ** 20 }: FoldConstantsOptions = {}): Pass {
  if (!(limit >= 0)) throw new RangeError(`foldConstants: limit is a number of bytes, not ${limit}`)
  return pass('fold-constants', { limit }, async (graph, report) => {
    for (const node of graph.nodes()) {
      if (isStoredOutput(node)) continue
      inferNode(node)
      const shapes = node.outputs.map(knownFromShapes)
      if (shapes.every((tensor) => tensor)) {
        report.change(node, 'known from shapes')
        store(node, shapes)
        continue
      }
      if (!node.inputs.every((value) => !value || value.constant)) continue
      const results = obstacle(node, limit) ?? (await computed(node))
      if (typeof results === 'string') {
        report.refuse(node, results)
        continue
      }
      report.change(node, node.inputs.length ? `computed from ${node.inputs.filter((value) => value).join(', ')}` : 'stored as an initializer')
      store(node, results)
    }
  })
}

/** A constant that is an output of the graph keeps the Identity that gives it its name. */
function isStoredOutput(node: Node): boolean {
  return node.type === 'Identity' && node.output.isOutput && node.input(0).initializer !== null
}

function store(node: Node, tensors: readonly (Tensor | null)[]): void {
  node.outputs.forEach((output, i) => {
    const tensor = tensors[i]
    if (tensor && output.uses.length) output.replaceWith(node.graph.constant(tensor, output.name))
  })
}

/** What shape arithmetic found out about an integer tensor. */
function knownFromShapes({ dtype, shape, contents }: Value): Tensor | null {
  if (dtype !== 'int64' && dtype !== 'int32') return null
  return contents && isStatic(contents) && isStatic(shape) && sizeOf(shape) === contents.length ? Tensor.of(dtype, shape, contents) : null
}

function obstacle(node: Node, limit: number): string | null {
  if (node.subgraphs.length) return 'control flow is left as it is'
  if (RANDOM.has(node.type) || (node.type === 'Dropout' && node.inputs[2])) return 'it draws random numbers'
  if (node.type === 'DequantizeLinear') return 'it keeps a quantized weight small'
  if (!operatorOf(node)) return `hone does not know ${node.domain ? `${node.domain}.` : ''}${node.type}, nor whether it always gives the same result`
  const before = node.inputs.reduce((sum, value) => sum + (value?.constant ? byteLength(value.constant.dtype, value.constant.size) : 0), 0)
  for (const { dtype, shape } of node.outputs) {
    if (!dtype || !isStatic(shape)) return 'the size of its result is known only once it is computed'
    const bytes = byteLength(dtype, sizeOf(shape))
    if (bytes > Math.max(limit, before)) return `its result would take ${bytes} bytes, more than the limit of ${limit}`
  }
  return null
}

/** The results, or why ONNX Runtime cannot tell them. */
async function computed(node: Node): Promise<readonly (Tensor | null)[] | string> {
  const alone = new Graph(node.name)
  for (const [domain, version] of node.graph.root.opsets) alone.opsets.set(domain, version)
  const inputs = [...new Set(node.inputs)].filter((value) => value !== null)
  const twin = copyNode(node, alone, new Map(inputs.map((value) => [value, alone.input(value.name, value.dtype, value.shape)])))
  for (const output of twin.outputs) if (output.name) alone.addOutput(output)
  try {
    const session = await Session.create(alone, { device: 'cpu', threads: 1, spinning: false, graphOptimization: 'disabled' })
    const results = await session.run(Object.fromEntries(inputs.map((value) => [value.name, value.constant!])))
    await session.release()
    return node.outputs.map((output) => results[output.name] ?? null)
  } catch (error) {
    throwIfInterrupted()
    return `ONNX Runtime cannot compute it: ${(error as Error).message}`
  }
}
