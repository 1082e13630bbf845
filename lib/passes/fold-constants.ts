import { isStatic } from '../graph/dim.ts'
import { copyNode, Graph, type Node, type Value } from '../graph/graph.ts'
import { inferNode } from '../graph/infer.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { byteLength, sizeOf, Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { Session } from '../runtime/session.ts'
import { pass, type Pass, type Report } from './pass.ts'

const RANDOM: ReadonlySet<string> = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Multinomial', 'Bernoulli'])

export interface FoldConstantsOptions {
  /** Largest result in bytes (1 MiB) that may take more room than what it is computed from. */
  limit?: number
}

/**
 * Computes what depends on constants alone, or on shapes that are known, and stores the results. Exact: ONNX Runtime computes each node with the
 * kernel that would have run it, all of them in one run.
 */
export function foldConstants({ limit = 2 ** 20 }: FoldConstantsOptions = {}): Pass {
  if (!(limit >= 0)) throw new RangeError(`foldConstants: limit is a number of bytes, not ${limit}`)
  return pass('fold-constants', { limit }, async (graph, report) => {
    graph.removeUnused()
    const settled = new Set<Node>()
    // a node whose size depends on numbers that a round computes waits for the next
    for (let round = plan(graph, limit, settled, report); round.length; round = plan(graph, limit, settled, report)) {
      const results = await together(round).catch(() => oneByOne(round))
      for (const [node, found] of results) {
        settled.add(node)
        if (typeof found === 'string') {
          report.refuse(node, found)
          continue
        }
        report.change(node, `computed from ${node.inputs.filter((value) => value).join(', ')}`)
        store(node, found)
      }
    }
  })
}

/** What can be computed now, in order. What is known without a computation is stored at once. */
function plan(graph: Graph, limit: number, settled: Set<Node>, report: Report): readonly Node[] {
  const planned = new Set<Node>()
  for (const node of graph.nodes()) {
    if (settled.has(node) || isStoredOutput(node)) continue
    inferNode(node)
    const known = node.outputs.map((output) => output.constant ?? knownFromShapes(output))
    if (known.every((tensor) => tensor)) {
      settled.add(node)
      report.change(node, node.inputs.length ? 'known from shapes' : 'stored as an initializer')
      store(node, known)
      continue
    }
    if (!node.inputs.every((value) => !value || value.constant || planned.has(value.producer!))) continue
    const reason = obstacle(node, limit)
    if (reason === null) planned.add(node)
    else if (node.inputs.every((value) => !value || value.constant)) {
      settled.add(node)
      report.refuse(node, reason)
    }
  }
  return [...planned]
}

/** A constant that is an output of the graph keeps the Identity that gives it its name. */
function isStoredOutput(node: Node): boolean {
  return node.type === 'Identity' && node.output.isOutput && node.input(0).initializer !== null
}

function store(node: Node, tensors: readonly (Tensor | null)[]): void {
  node.outputs.forEach((output, i) => {
    const tensor = tensors[i]
    if (!tensor || !output.uses.length) return
    const parameter = parameterIn(output)
    const stored = parameter ? inPlaceOf(parameter, tensor) : node.graph.constant(tensor, output.name)
    output.replaceWith(stored)
  })
}

/** The parameter that a constant is another form of: as many numbers, of which nothing else is computed. */
function parameterIn(value: Value): Value | null {
  if (value.trainable || value.frozen) return value
  if (!value.producer || value.producer.subgraphs.length) return null
  const sources = value.producer.inputs.flatMap((input) => (input?.uses.length === 1 ? (parameterIn(input) ?? []) : []))
  return sources.find(({ size }) => size === value.size) ?? null
}

function inPlaceOf(parameter: Value, tensor: Tensor): Value {
  const { name, trainable, frozen, graph } = parameter
  parameter.name = graph.unique(`${name}_former`)
  return Object.assign(graph.store(name, tensor), { trainable, frozen })
}

/** What shape arithmetic found out about an integer tensor. It counts in JavaScript's numbers, which are exact up to 2^53: what lies beyond, as the end of a slice does, is computed. */
function knownFromShapes({ dtype, shape, contents }: Value): Tensor | null {
  if (dtype !== 'int64' && dtype !== 'int32') return null
  return contents && isStatic(contents) && contents.every(Number.isSafeInteger) && isStatic(shape) && sizeOf(shape) === contents.length ? Tensor.of(dtype, shape, contents) : null
}

function obstacle(node: Node, limit: number): string | null {
  if (node.subgraphs.length) return 'control flow is left as it is'
  if (RANDOM.has(node.type) || (node.type === 'Dropout' && node.inputs[2])) return 'it draws random numbers'
  if (node.type === 'DequantizeLinear') return 'it keeps a quantized weight small'
  if (!operatorOf(node)) return `hone does not know ${node.domain ? `${node.domain}.` : ''}${node.type}, nor whether it always gives the same result`
  const before = node.inputs.reduce((sum, value) => sum + bytesOf(value), 0)
  for (const { dtype, shape } of node.outputs) {
    if (!dtype || !isStatic(shape)) return 'the size of its result is known only once it is computed'
    const bytes = byteLength(dtype, sizeOf(shape))
    if (bytes > Math.max(limit, before)) return `its result would take ${bytes} bytes, more than the limit of ${limit}`
  }
  return null
}

const bytesOf = (value: Value | null): number => (value?.dtype && isStatic(value.shape) ? byteLength(value.dtype, sizeOf(value.shape)) : 0)

/** Results by output, null where nothing reads it; or why ONNX Runtime cannot tell them. */
type Results = ReadonlyMap<Node, readonly (Tensor | null)[] | string>

/** Computes nodes that follow from constants and from each other, in one run. What only they read is not fetched. @throws Error where one of them cannot be computed. */
async function together(nodes: readonly Node[]): Promise<Results> {
  const alone = new Graph('constants')
  for (const [domain, version] of nodes[0]!.graph.root.opsets) alone.opsets.set(domain, version)
  const [twins, inside] = [new Map<Value, Value>(), new Set(nodes)]
  for (const node of nodes) {
    for (const value of node.inputs) if (value?.constant && !twins.has(value)) twins.set(value, alone.store(value.name, value.constant))
    copyNode(node, alone, twins)
  }
  const wanted = nodes.flatMap((node) => node.outputs.filter((output) => output.uses.some(({ user }) => !inside.has(user as Node))))
  for (const output of wanted) alone.addOutput(twins.get(output)!)
  const session = await Session.create(alone, { device: 'cpu', threads: 1, spinning: false, graphOptimization: 'disabled' })
  try {
    const results = await session.run({})
    return new Map(nodes.map((node) => [node, node.outputs.map((output) => results[output.name] ?? null)]))
  } finally {
    await session.release()
  }
}

/** So that one that cannot be computed does not keep the others from it; those that read what another computes wait. */
async function oneByOne(nodes: readonly Node[]): Promise<Results> {
  throwIfInterrupted()
  const results = new Map<Node, readonly (Tensor | null)[] | string>()
  for (const node of nodes) {
    if (!node.inputs.every((value) => !value || value.constant)) continue
    try {
      results.set(node, (await together([node])).get(node)!)
    } catch (error) {
      throwIfInterrupted()
      results.set(node, `ONNX Runtime cannot compute it: ${(error as Error).message}`)
    }
  }
  return results
}
