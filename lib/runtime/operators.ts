import { formatShape } from '../graph/dim.ts'
import { copyNode, Graph, type Node, type Value } from '../graph/graph.ts'
import { signature } from '../graph/function.ts'
import { Tensor } from '../graph/tensor.ts'
import { checkedFeeds, type Port, type Tensors } from './boundary.ts'
import { graphOf } from './model.ts'
import { Session, type BoundRun, type SessionOptions } from './session.ts'

export interface OperatorOptions extends Pick<SessionOptions, 'device' | 'threads' | 'denormalsAsZero'> {
  /** Where what a node computes is written; new memory for what is not named. */
  readonly places?: ReadonlyMap<Value, Tensor>
}

/** One call: which session, what goes in by position, what comes out, and what nothing reads after it. */
interface Step {
  readonly session: Session
  /** Kept for the session's `source`. */
  readonly source: Graph
  readonly inputs: readonly (readonly [port: string, value: Value])[]
  readonly outputs: readonly (readonly [port: string, value: Value])[]
  readonly spent: readonly Value[]
}

/**
 * A graph run operator by operator, as an eager framework does: one ONNX Runtime session an operator, weights handed over at each call, nothing
 * fused, nothing planned ahead. Operators that are alike (type, attributes, types and shapes of what goes in and comes out) share a session. Each operator costs a
 * call: time `emptyCall` to know how much.
 */
export class OperatorSession {
  readonly inputs: readonly Port[]
  /** ONNX Runtime calls that one run makes. */
  readonly calls: number
  /** Sessions that serve them. */
  readonly sessions: number
  readonly #graph: Graph
  readonly #steps: readonly Step[]
  readonly #places: ReadonlyMap<Value, Tensor>

  private constructor(graph: Graph, steps: readonly Step[], places: ReadonlyMap<Value, Tensor>) {
    this.#graph = graph
    this.#steps = steps
    this.#places = places
    this.calls = steps.length
    this.sessions = new Set(steps.map(({ session }) => session)).size
    this.inputs = graph.inputs.filter(({ initializer }) => !initializer).map(({ name, dtype, shape }) => ({
      name,
      dtype: dtype ?? 'undefined',
      shape: (shape ?? []).map((d) => (typeof d === 'number' ? d : String(d ?? ''))),
    }))
  }

  /** @throws Error naming an operator that cannot run by itself. */
  static async create(model: Graph | { readonly graph: Graph }, { places = new Map(), ...options }: OperatorOptions = {}): Promise<OperatorSession> {
    const graph = graphOf(model)
    const nodes = graph.nodes().filter((node) => !node.output.constant)
    const opened = new Map<string, { readonly source: Graph; readonly session: Promise<Session> }>()
    const lastRead = new Map(nodes.flatMap((node, index) => readsOf(node).map((value) => [value, index])))
    const steps: Step[] = []
    for (const [index, node] of nodes.entries()) {
      const reads = readsOf(node)
      const key = shareable(node) ? `${node.domain} ${signature(node)} ${node.outputs.map(({ name, dtype, shape }) => name && `${dtype}${formatShape(shape)}`)}` : `${index}`
      const { source, session } = opened.get(key) ?? open(alone(node), options)
      opened.set(key, { source, session })
      steps.push({
        session: await session,
        source,
        inputs: reads.flatMap((value, i) => (value ? [[`in.${i}`, value] as const] : [])),
        outputs: node.outputs.flatMap((value, i) => (value.name ? [[`out.${i}`, value] as const] : [])),
        spent: [...reads, ...node.outputs].filter((value) => value !== null).filter((value) => !value.isOutput && (lastRead.get(value) ?? index) === index),
      })
    }
    return new OperatorSession(graph, steps, places)
  }

  async run(feeds: Tensors): Promise<Record<string, Tensor>> {
    return this.bind(feeds)()
  }

  /** Checks the inputs once. @throws Error as `Session.run` does. */
  bind(tensors: Tensors): BoundRun {
    const feeds = checkedFeeds({ name: this.#graph.name, inputs: this.inputs }, tensors)
    return async () => {
      const known = new Map<Value, Tensor>(this.#graph.inputs.map((value) => [value, feeds[value.name]]))
      const read = (value: Value) => known.get(value) ?? value.constant ?? value.initializer!
      for (const { session, inputs, outputs, spent } of this.#steps) {
        const into = Object.fromEntries(outputs.flatMap(([port, value]) => (this.#places.has(value) ? [[port, this.#places.get(value)!]] : [])))
        const results = await session.bind(Object.fromEntries(inputs.map(([port, value]) => [port, read(value)])), into)()
        for (const [port, value] of outputs) known.set(value, results[port])
        for (const value of spent) known.delete(value)
      }
      return Object.fromEntries(this.#graph.outputs.map((value) => [value.name, read(value)]))
    }
  }

  async release(): Promise<void> {
    await Promise.all([...new Set(this.#steps.map(({ session }) => session))].map((session) => session.release()))
  }
}

/** A run that computes nothing: what a call into ONNX Runtime costs by itself. */
export async function emptyCall(options: OperatorOptions = {}): Promise<BoundRun> {
  const graph = new Graph('empty call')
  graph.addOutput(graph.add('Identity', [graph.input('x', 'float32', [1])]).output, 'y')
  return Session.create(graph, options).bind({ x: Tensor.zeros('float32', [1]) })
}

function open(source: Graph, options: OperatorOptions) {
  return { source, session: Session.create(source, options) }
}

/** What a node reads: its inputs by position, then what its subgraphs capture. */
function readsOf(node: Node): (Value | null)[] {
  return [...node.inputs, ...node.captures]
}

/** `signature` tells graphs and large tensors apart by less than all they hold. */
function shareable(node: Node): boolean {
  return [...node.attributes.values()].every(({ type }) => type !== 'graph' && type !== 'graphs' && type !== 'tensor' && type !== 'other')
}

/** A graph of this one node: all that it reads goes in, constants too. */
function alone(node: Node): Graph {
  const graph = new Graph(`${node}`)
  graph.proto = node.graph.root.proto
  for (const [domain, version] of node.graph.root.opsets) graph.opsets.set(domain, version)
  const ports = readsOf(node).map((value, i) => {
    if (value && !value.dtype) throw new Error(`${node} cannot run by itself: the type of its input "${value}" is not known`)
    return value && graph.input(`in.${i}`, value.dtype, value.shape)
  })
  const twin = copyNode(node, graph, new Map(readsOf(node).flatMap((value, i) => (value ? [[value, ports[i]!]] : []))))
  node.inputs.forEach((_, i) => twin.setInput(i, ports[i]))
  twin.outputs.forEach((output, i) => {
    if (!output.name) return
    output.name = `out.${i}`
    graph.addOutput(output)
  })
  return graph
}
