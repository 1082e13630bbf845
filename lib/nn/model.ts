import { readModel, writeModel } from '../graph/onnx.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { undecidedValues } from '../graph/parameters.ts'
import { summary, type Summary } from '../graph/print.ts'
import { told } from '../require.ts'
import { Session, type OpeningSession, type SessionOptions } from '../runtime/session.ts'
import type { TableBundle } from '../table.ts'

/** What a pass needs of one to be applied: see lib/passes. */
interface Applicable<Change, Refusal> {
  readonly name: string
  readonly options: unknown
  apply(graph: Graph): Promise<{ graph: Graph; changes: readonly Change[]; refusals: readonly Refusal[] }>
}

/** What was done to a model to make it, and what was not, and why. */
interface Origin<Change, Refusal> {
  readonly changes: readonly Change[]
  readonly refusals: readonly Refusal[]
}

/** A network: an ONNX graph that can be shown, changed by passes, run, and saved. Shows itself as its summary. */
export class Model<Change = unknown, Refusal = unknown> {
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

  /** The model that a pass makes of this one, which stays as it is. @throws TypeError where it is no pass, such as `foldBatchNorm` in the place of `foldBatchNorm()`. */
  async apply<C, R>(pass: Applicable<C, R>): Promise<Model<C, R>> {
    if (typeof pass !== 'object' || typeof pass?.apply !== 'function') throw new TypeError(`apply takes what a call such as foldBatchNorm() makes, not ${told(pass)}`)
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

  /** Number of parameters, frozen ones included. */
  get parameters(): number {
    return this.trainable + elements(this.graph.values.filter((value) => value.frozen))
  }

  /** Number of parameters that training changes. */
  get trainable(): number {
    return elements(this.graph.parameters)
  }

  /**
   * The model with the parameters of some names frozen: training leaves them as they are. Running statistics move all the same.
   * @param names a pattern such as /^features/, or how names begin: `freeze('features')`.
   * @throws Error where no parameter has such a name.
   */
  freeze(names: string | RegExp): Model {
    return this.#marked(names, { trainable: false, frozen: true })
  }

  /**
   * The model with frozen parameters trainable again; all of them by default. By their names also stored arrays that an ONNX file does not show to be parameters, such as a positional
   * embedding: the summary names them. @throws Error where no parameter has such a name.
   */
  unfreeze(names: string | RegExp = ''): Model {
    return this.#marked(names, { trainable: true, frozen: false })
  }

  #marked(names: string | RegExp, marks: Pick<Value, 'trainable' | 'frozen'>): Model {
    const graph = this.graph.copy()
    const known = [...graph.initializers.filter((value) => value.trainable || value.frozen), ...(marks.trainable && names !== '' ? undecidedValues(graph) : [])]
    const meant = known.filter(({ name }) => (typeof names === 'string' ? `${name}.`.startsWith(names && `${names}.`) : name.search(names) >= 0))
    if (!meant.length) throw new Error(`${this.name}: no parameter is called ${names}. There are ${known.map(String).join(', ') || 'none'}.`)
    for (const value of meant) Object.assign(value, marks)
    return new Model(graph)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.summary().table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.summary().table()['text/plain']
  }
}

const elements = (values: readonly Value[]): number => values.reduce((sum, { size }) => sum + Number(size), 0)
