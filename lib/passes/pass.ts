import { Node, type Graph, type Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import { verify } from '../graph/verify.ts'
import { table, type Column, type TableBundle } from '../table.ts'

/** What a pass did to one node. */
export interface Change {
  readonly pass: string
  /** Name of the node, or of the value, that was changed. */
  readonly node: string
  readonly text: string
}

/** What a pass left as it was, and why. */
export interface Refusal {
  readonly pass: string
  readonly node: string
  readonly reason: string
}

/** How a rewriting tells what it does. */
export interface Report {
  change(at: Node | Value, text: string): void
  refuse(at: Node | Value, reason: string): void
}

/** Changes a graph, which is its own to change, in place. */
export type Rewriting = (graph: Graph, report: Report) => void | Promise<void>

/** An optimization as a value: it makes another graph of a graph, and says what it did and what it refused. */
export interface Pass {
  readonly name: string
  readonly options: object
  /** The given graph stays as it is; tensors are shared. @throws Error where the graph, or what the pass makes of it, is not valid. */
  apply(graph: Graph): Promise<PassResult>
}

/** A graph that a pass made. Shows itself as the list of changes and refusals. */
export class PassResult {
  readonly graph: Graph
  /** What was done, node by node. */
  readonly changes: readonly Change[]
  /** What was not done, and why. */
  readonly refusals: readonly Refusal[]

  constructor(graph: Graph, changes: readonly Change[], refusals: readonly Refusal[]) {
    this.graph = graph
    this.changes = showing(changes, [PASS, NODE, { heading: 'change', cell: ({ text }) => text, align: 'left' }], 'nothing was changed')
    this.refusals = showing(refusals, [PASS, NODE, { heading: 'reason', cell: ({ reason }) => reason, align: 'left' }], 'nothing was refused')
  }

  /** Changes and refusals together, as HTML and as text. */
  table(): TableBundle {
    const rows = [
      ...this.changes.map(({ pass, node, text }) => ({ pass, node, outcome: text })),
      ...this.refusals.map(({ pass, node, reason }) => ({ pass, node, outcome: `refused: ${reason}` })),
    ]
    return table(rows, [PASS, NODE, { heading: 'outcome', cell: ({ outcome }) => outcome, align: 'left' }], `${this.changes.length} changed, ${this.refusals.length} refused`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const PASS: Column<{ readonly pass: string }> = { heading: 'pass', cell: ({ pass }) => pass }
const NODE: Column<{ readonly node: string }> = { heading: 'node', cell: ({ node }) => node, align: 'left' }

/** The rows as an array that shows itself as a table. */
function showing<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): readonly Row[] {
  const bundle = () => table(rows, columns, rows.length ? '' : none)
  return Object.defineProperties([...rows], {
    [Symbol.for('Jupyter.display')]: { value: bundle },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: () => bundle()['text/plain'] },
  })
}

/** Makes a pass of a rewriting: it gets a private copy, and the result is cleaned, sorted, inferred and verified once. */
export function pass(name: string, options: object, rewrite: Rewriting): Pass {
  return {
    name,
    options,
    async apply(graph) {
      const copy = graph.copy()
      const changes: Change[] = []
      const refusals: Refusal[] = []
      await rewrite(copy, {
        change: (at, text) => changes.push({ pass: name, node: labelOf(at), text }),
        refuse: (at, reason) => refusals.push({ pass: name, node: labelOf(at), reason }),
      })
      try {
        copy.removeUnused()
        copy.sort()
        verify(inferShapes(copy))
      } catch (error) {
        throw new Error(`${name} leaves a graph that is not valid: ${(error as Error).message}`, { cause: error })
      }
      return new PassResult(copy, changes, refusals)
    },
  }
}

/** Several passes, one after the other, as one. @throws TypeError where one is not a pass. */
export function pipeline(passes: readonly Pass[]): Pass {
  const wrong = passes.findIndex((it: unknown) => typeof it !== 'object' || typeof (it as Partial<Pass> | null)?.apply !== 'function')
  if (wrong >= 0) throw new TypeError(`pipeline: number ${wrong + 1} is not a pass${typeof passes[wrong] === 'function' ? ': call it, as in foldBatchNorm()' : ''}`)
  return {
    name: passes.map(({ name }) => name).join(' + '),
    options: { passes: passes.map(({ name, options }) => ({ name, options })) },
    async apply(graph) {
      let result = new PassResult(graph.copy(), [], [])
      for (const next of passes) {
        const { graph, changes, refusals } = await next.apply(result.graph)
        result = new PassResult(graph, [...result.changes, ...changes], [...result.refusals, ...refusals])
      }
      return result
    },
  }
}

/** What people call it: files may leave nodes without a name, which then go by what they compute. */
export function labelOf(at: Node | Value): string {
  return at.name || (at instanceof Node ? at.output.name : 'a value without a name')
}
