import { readModel, writeModel } from '../graph/onnx.ts'
import type { Graph } from '../graph/graph.ts'
import { summary, type Summary } from '../graph/print.ts'
import { Session, type OpeningSession, type SessionOptions } from '../runtime/session.ts'
import type { TableBundle } from '../table.ts'

/** What a pass needs of one to be applied: see lib/passes. */
interface Applicable<Change, Refusal> {
  apply(graph: Graph): Promise<{ graph: Graph; changes: readonly Change[]; refusals: readonly Refusal[] }>
}

/** What was done to a model to make it, and what was not, and why. */
interface Origin<Change, Refusal> {
  readonly changes: readonly Change[]
  readonly refusals: readonly Refusal[]
}

/** A network: an ONNX graph that can be shown, changed by passes, run, and saved. Shows itself as its summary. */
export class Model<Change = never, Refusal = never> {
  readonly graph: Graph
  /** What the pass that made this model did, node by node. */
  readonly changes: readonly Change[]
  /** What that pass did not do, and why. */
  readonly refusals: readonly Refusal[]

  constructor(graph: Graph, { changes, refusals }: Origin<Change, Refusal> = { changes: [], refusals: [] }) {
    this.graph = graph
    this.changes = changes
    this.refusals = refusals
  }

  /** Reads an ONNX file. @throws Error naming the file and what is wrong with it. */
  static read(path: string): Model {
    return new Model(readModel(path))
  }

  /** Writes an ONNX file that any runtime takes. */
  write(path: string): void {
    writeModel(this.graph, path)
  }

  get name(): string {
    return this.graph.name
  }

  /** The model that a pass makes of this one, which stays as it is. */
  async apply<C, R>(pass: Applicable<C, R>): Promise<Model<C, R>> {
    const { graph, changes, refusals } = await pass.apply(this.graph)
    return new Model(graph, { changes, refusals })
  }

  /** Loads the model into ONNX Runtime: `await model.session()`, or `await model.session().bind(feeds)` for a run without arguments. */
  session(options: SessionOptions = {}): OpeningSession {
    return Session.create(this.graph, options)
  }

  /** Layers, output shapes, parameters, multiply-adds, bytes; `sizes` gives numbers to symbols: `summary({ N: 100 })`. */
  summary(sizes: Readonly<Record<string, number>> = {}): Summary {
    return summary(this.graph, sizes)
  }

  /** Number of trainable parameters. */
  get parameters(): number {
    return this.graph.parameters.reduce((sum, value) => sum + value.initializer!.size, 0)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.summary().table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.summary().table()['text/plain']
  }
}
