import { Builder } from '../../graph/builder.ts'
import { isStatic } from '../../graph/dim.ts'
import { Node, type Graph, type Value } from '../../graph/graph.ts'
import { sizeOf, Tensor } from '../../graph/tensor.ts'
import { isElementwise } from './elementwise.ts'
import { isUniformRow } from './reduce.ts'

/** Bytes: tensors from `large` on are computed in blocks of about `block`, of which a few fit into a core's second-level cache. */
export interface BlockSizes {
  readonly large: number
  readonly block: number
}

/** The operator set from which on a Scan has no batch dimension. */
const SCAN = 9

const SIZES: BlockSizes = { large: 8 * 2 ** 20, block: 2 ** 20 }

/** So little work that computing it anew costs less than keeping its result. */
const CHEAP: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Neg', 'Abs', 'Relu', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'Not', 'Cast', 'HardSigmoid', 'Clip'])

/**
 * Chains of operators that compute element by element, and the sums over rows that end them, become a Scan over blocks of rows: what passes from one
 * operator to the next stays in the cache, and large tensors travel through memory once for a chain instead of once for an operator.
 */
export function inBlocks(graph: Graph, sizes: BlockSizes = SIZES): void {
  if ((graph.opsets.get('') ?? 1) < SCAN) return
  const stages = stagesOf(graph, (node) => (isRowwise(node) ? divisible(rowsOf(node), sizes) : null))
  repeatCheap(graph, stages)
  for (const members of chains(graph, stages)) toScan(graph, members, sizes)
  graph.removeUnused()
  graph.sort()
}

/** Whether each row of the output depends on the rows of the same place alone, or all of them are summed. */
function isRowwise(node: Node): boolean {
  if (isRowSum(node)) return true
  return isElementwise(node) && node.inputs.every((value) => !value || isAlike(value, node.output) || isRepeated(value, node.output))
}

const rowsOf = (node: Node): Value => (isRowSum(node) ? node.input(1) : node.output)

/** The shape of a tensor that is large and whose rows can be divided. */
function divisible({ shape }: Value, sizes: BlockSizes): readonly number[] | null {
  return isStatic(shape) && shape.length > 1 && bytesOf(shape) >= sizes.large && blocksOf(shape, sizes) ? shape : null
}

/** As float32, which nearly all are. */
const bytesOf = (shape: readonly number[]): number => sizeOf(shape) * 4

const isAlike = (value: Value, other: Value): boolean => String(value.shape) === String(other.shape)

/** The same for every row of the output. */
const isRepeated = (value: Value, output: Value): boolean => value.rank! < output.rank! || value.shape![0] === 1

/** A row of equal numbers times rows. */
const isRowSum = (node: Node): boolean => node.type === 'MatMul' && node.input(1).rank === 2 && isUniformRow(node.input(0))

/** How many blocks of rows there are; undefined where rows cannot be divided well. */
function blocksOf(shape: readonly number[], { block }: BlockSizes): number | undefined {
  const wanted = bytesOf(shape) / block
  const distance = (count: number) => Math.abs(Math.log(count / wanted))
  const counts = Array.from({ length: Math.floor(4 * wanted) }, (_, i) => i + 1).filter((count) => count >= wanted / 2 && shape[0]! % count === 0)
  return counts.sort((a, b) => distance(a) - distance(b))[0]
}

/** Where a node may stand: those of one chain have the same rows and the same stage, so that nothing between two of them waits for a third. */
interface Stage {
  readonly rows: string | null
  number: number
}

type Stages = Map<Node, Stage>

function stagesOf(graph: Graph, shapeOf: (node: Node) => readonly number[] | null): Stages {
  const stages: Stages = new Map()
  for (const node of graph.nodes()) {
    const rows = shapeOf(node)
    const stage: Stage = { rows: rows && String(rows), number: 0 }
    for (const value of [...node.inputs, ...node.captures]) {
      const before = value?.producer && stages.get(value.producer)
      if (before) stage.number = Math.max(stage.number, before.number + (continues(before, stage, value.producer) ? 0 : 1))
    }
    stages.set(node, stage)
  }
  return stages
}

const continues = (before: Stage, after: Stage, producer: Node): boolean => before.rows !== null && before.rows === after.rows && !isRowSum(producer)

/** What is cheap and read by other chains alone is computed within each of them, from the one large tensor that it needs. */
function repeatCheap(graph: Graph, stages: Stages): void {
  for (const node of graph.nodes().toReversed()) {
    const stage = stages.get(node)!
    const { users } = node.outputs[0]!
    if (!stage.rows || !CHEAP.has(node.type) || node.output.isOutput || node.inputs.filter((value) => value && isAlike(value, node.output)).length !== 1) continue
    if (!users.every((user) => stages.get(user)?.rows === stage.rows)) continue
    const [last, ...others] = [...new Set(users.map((user) => stages.get(user)!.number))].sort((a, b) => b - a)
    if (last === undefined) continue
    for (const number of others) {
      const twin = graph.add(node.type, node.inputs, new Map(node.attributes), { types: [node.output], name: graph.unique(node.name) })
      stages.set(twin, { rows: stage.rows, number })
      for (const { user, index } of node.output.uses) if (user instanceof Node && stages.get(user)!.number === number) user.setInput(index, twin.output)
    }
    stage.number = last
  }
  graph.sort()
}

/** Groups of at least two nodes of one stage that hand tensors on to each other, or read the same one. Outputs of the graph are left alone: they would be copied. */
function chains(graph: Graph, stages: Stages): Node[][] {
  const chainOf = new Map<Node, Node[]>()
  const found = new Set<Node[]>()
  const join = (a: Node, b: Node) => {
    const [into, from] = [chainOf.get(a)!, chainOf.get(b)!]
    if (into === from) return
    for (const node of from) chainOf.set(node, into)
    into.push(...from)
    found.delete(from)
  }
  for (const node of graph.nodes()) {
    const stage = stages.get(node)!
    if (!stage.rows) continue
    const chain = [node]
    chainOf.set(node, chain)
    found.add(chain)
    const isBeside = (other: Node | null) => other !== null && chainOf.has(other) && stages.get(other)!.rows === stage.rows && stages.get(other)!.number === stage.number
    for (const value of node.inputs) {
      if (!value || String(value.shape) !== stage.rows) continue
      for (const other of [value.producer, ...value.users]) if (isBeside(other)) join(other!, node)
    }
  }
  return [...found].filter((chain) => chain.length > 1 && !chain.some(({ output }) => output.isOutput))
}

function toScan(graph: Graph, members: readonly Node[], sizes: BlockSizes): void {
  const chain = new Set(members)
  const ordered = graph.nodes().filter((node) => chain.has(node))
  const shape = rowsOf(ordered[0]!).shape as readonly number[]
  const blocks = blocksOf(shape, sizes)!
  const narrow = [shape[0]! / blocks, ...shape.slice(1)]
  const joined = members.some((node) => !isRowSum(node) && node.inputs.some((value) => isRow(value, node.output))) ? rowsToJoin(narrow) : 1
  const held = joined > 1 ? [narrow[0]! / joined, joined * narrow[1]!] : narrow
  const builder = new Builder(graph, `${ordered[0]!.name}.blocks.`)
  const inner = builder.within('block')
  const body = inner.graph

  const forms = new Map<Value, Value>()
  const sequences: Value[] = []
  const within = (value: Value | null, output: Value): Value | null => {
    if (!value || forms.has(value)) return value && forms.get(value)!
    if (String(value.shape) !== String(shape)) return joined > 1 && isRow(value, output) ? repeated(builder, value, joined) : value
    sequences.push(builder.reshape(value, [blocks, ...held]))
    forms.set(value, body.input(body.unique(value.name), value.dtype, held))
    return forms.get(value)!
  }
  for (const node of ordered) {
    const inputs = isRowSum(node)
      ? [inner.tensor(Tensor.float32([1, held[0]!], node.input(0).constant!.data.slice(0, held[0]) as Float32Array)), within(node.input(1), node.output)]
      : node.inputs.map((value) => within(value, node.output))
    forms.set(node.output, inner.op(node.type, inputs, Object.fromEntries(node.attributes), { name: body.unique(node.name) }))
  }

  const results = ordered.filter(({ output }) => output.users.some((user) => !chain.has(user)))
  for (const { output } of results) body.addOutput(forms.get(output)!)
  const stacked = builder.ops('Scan', sequences, { body, num_scan_inputs: sequences.length }, { outputs: results.length })
  results.forEach((node, i) => {
    const whole = isRowSum(node) ? builder.reduceSum(builder.reshape(stacked[i]!, [blocks * joined, 1, narrow[1]!]), [0]) : builder.reshape(stacked[i]!, shape)
    for (const { user, index } of node.output.uses) if (user instanceof Node && !chain.has(user)) user.setInput(index, whole)
  })
}

/** Numbers of a row from which on repeating one along the others costs no more than reading a whole tensor: a few dozen per row take twice as long. */
const LONG = 4096

/** How many neighbouring rows of a block stand in one, so that it is long. */
function rowsToJoin([rows, length, ...others]: readonly number[]): number {
  if (others.length || length! >= LONG) return 1
  const most = Math.ceil(LONG / length!)
  return Array.from({ length: most }, (_, i) => most - i).find((count) => rows! % count === 0)!
}

/** A single row, to be repeated along the output's. */
const isRow = (value: Value | null, output: Value): boolean => value !== null && output.rank === 2 && Number(value.size) > 1 && Number(value.size) === Number(value.shape!.at(-1)) && isRepeated(value, output)

/** A row, `count` times. */
const repeated = (builder: Builder, row: Value, count: number): Value => builder.reshape(builder.op('Expand', [row, builder.int64([count, Number(row.size)])]), [-1])
