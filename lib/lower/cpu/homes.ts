import type { Graph, Node, Value } from '../../graph/graph.ts'
import type { Layout } from './layout.ts'
import type { Recipe } from './lowering.ts'

type Recipes = ReadonlyMap<Node, Recipe>

/**
 * The layout in which the lowered graph holds each value: the one that a leading recipe wants, handed on by `tied` nodes, which compute element by element,
 * and by following recipes, which keep to a layout where they meet it. So a filter, its gradient and what an optimizer remembers of it are held alike.
 * @param state which output holds the next value of an input.
 */
export function homes(graph: Graph, leading: Recipes, following: Recipes, tied: (node: Node) => readonly Value[], state: ReadonlyMap<string, string>): Map<Value, Layout> {
  const groups = groupsOf(graph, tied, state)
  const wanted = new Map<Value, Layout>()
  const want = (value: Value, layout: Layout) => {
    const group = groups.find(value)
    if (!wanted.has(group)) wanted.set(group, layout)
  }
  for (const [node, recipe] of leading) for (const [value, layout] of recipe.layouts(node)!) want(value, layout)
  for (let before = -1; before < wanted.size; ) {
    before = wanted.size
    for (const [node, recipe] of following) {
      const layouts = [...recipe.layouts(node)!]
      if (layouts.some(([value, layout]) => wanted.get(groups.find(value)) === layout)) for (const [value, layout] of layouts) want(value, layout)
    }
  }
  const values = new Set([...graph.inputs, ...graph.nodes().flatMap((node) => node.outputs)])
  return new Map([...values].flatMap((value) => {
    const layout = wanted.get(groups.find(value))
    return layout && isHoldable(value, graph, state) ? [[value, layout]] : []
  }))
}

/** Values that are held alike. */
function groupsOf(graph: Graph, tied: (node: Node) => readonly Value[], state: ReadonlyMap<string, string>): Groups<Value> {
  const groups = new Groups<Value>()
  for (const node of graph.nodes()) {
    const [first, ...others] = tied(node)
    for (const other of others) groups.join(first!, other)
  }
  for (const input of graph.inputs) {
    const next = graph.outputs.find((output) => output.name === state.get(input.name))
    if (next) groups.join(input, next)
  }
  return groups
}

/** What is fed from outside has the network's own layout, unless it is state. */
function isHoldable(value: Value, graph: Graph, state: ReadonlyMap<string, string>): boolean {
  return !graph.inputs.includes(value) || state.has(value.name)
}

/** Disjoint sets. */
class Groups<T> {
  readonly #parents = new Map<T, T>()

  /** The member that stands for the group of `x`. */
  find(x: T): T {
    const parent = this.#parents.get(x)
    if (parent === undefined) return x
    const root = this.find(parent)
    this.#parents.set(x, root)
    return root
  }

  join(a: T, b: T): void {
    const [x, y] = [this.find(a), this.find(b)]
    if (x !== y) this.#parents.set(x, y)
  }
}
