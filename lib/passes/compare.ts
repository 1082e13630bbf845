import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { Session } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'

/** How far an output is from what it was. */
export interface Distance {
  readonly output: string
  /** Largest absolute difference. */
  readonly largest: number
  /** ‖after − before‖ / ‖before‖, in L2. */
  readonly relative: number
}

/** The distances of all outputs; shows itself as a table. */
export class Comparison {
  readonly outputs: readonly Distance[]

  constructor(outputs: readonly Distance[]) {
    this.outputs = outputs
  }

  /** Largest absolute difference of any output. */
  get largest(): number {
    return Math.max(...this.outputs.map(({ largest }) => largest))
  }

  /** Largest relative L2 distance of any output. */
  get relative(): number {
    return Math.max(...this.outputs.map(({ relative }) => relative))
  }

  table(): TableBundle {
    return table(this.outputs, [
      { heading: 'output', cell: ({ output }) => output },
      { heading: 'largest difference', cell: ({ largest }) => exponent(largest) },
      { heading: 'relative L2', cell: ({ relative }) => exponent(relative) },
    ])
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const exponent = (x: number) => (x === 0 ? '0' : x.toExponential(2))

/**
 * Runs two graphs on the same inputs, on the CPU, and measures how far their outputs are apart.
 * @throws Error where an output of the first is missing in the second, has another shape there, or is not numeric.
 */
export async function compare(before: Graph, after: Graph, feeds: Tensors): Promise<Comparison> {
  const [expected, found] = [await run(before, feeds), await run(after, feeds)]
  return new Comparison(Object.entries(expected).map(([output, tensor]) => distance(output, tensor, found[output])))
}

async function run(graph: Graph, feeds: Tensors): Promise<Tensors> {
  const session = await Session.create(graph, { device: 'cpu', spinning: false })
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}

function distance(output: string, before: Tensor, after: Tensor | undefined): Distance {
  if (!after) throw new Error(`compare: the second graph has no output "${output}"`)
  if (before.dtype === 'string') throw new Error(`compare: the output "${output}" holds strings, and only numbers have a distance`)
  if (String(before.shape) !== String(after.shape)) throw new Error(`compare: the output "${output}" is [${before.shape}] in the first graph and [${after.shape}] in the second`)
  const [a, b] = [before.toNumbers(), after.toNumbers()]
  const differences = a.map((x, i) => (Object.is(x, b[i]) ? 0 : b[i] - x))
  const norm = (numbers: readonly number[]) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0))
  const moved = norm(differences)
  return { output, largest: differences.reduce((most, d) => Math.max(most, Math.abs(d)), 0), relative: moved && moved / norm(a) }
}
