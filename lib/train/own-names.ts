import type { Graph, Value } from '../graph/graph.ts'

/** Makes room in a network's graph for values that training adds under fixed names, such as `target` and `loss`. */
export class OwnNames {
  readonly #graph: Graph
  readonly #networks: ReadonlyMap<string, Value>

  constructor(graph: Graph) {
    this.#graph = graph
    const nodes = graph.allNodes()
    const inner = nodes.flatMap(({ subgraphs }) => subgraphs).flatMap(({ inputs, initializers }) => [...inputs, ...initializers])
    const values = [...nodes.flatMap(({ outputs }) => outputs), ...inner, ...graph.inputs, ...graph.initializers]
    this.#networks = new Map(values.map((value) => [value.name, value]))
  }

  /** A name, which what the network computes has no longer. @throws Error where it is that of an input or a stored tensor, which are known by it. */
  take(name: string): string {
    const value = this.#networks.get(name)
    if (!value) return name
    const isComputed = value.producer !== null || value.graph !== this.#graph
    if (!isComputed) throw new Error(`${this.#graph.name}: "${name}" is what ${this.#graph.inputs.includes(value) ? 'an input' : 'a stored tensor'} of the network is called, and training has a value of its own under that name. Give the network's another one.`)
    value.name = this.#graph.unique(name)
    return name
  }
}
