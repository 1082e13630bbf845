import { Graph, type Node, type Use, type Value } from './graph.ts'
import type { NodeProto } from './onnx_pb.ts'
import { noGradient } from './operator.ts'
import { operatorOf } from './ops/index.ts'
import { FORMS, origins } from './origins.ts'
import { bitsPerElement, isFloat, type Tensor } from './tensor.ts'

/**
 * Which stored tensors of a graph are parameters, by what reads them. An ONNX file does not say: weights, running statistics and other constants are all
 * initializers. Files of hone's say so in their metadata.
 */
export function learnedValues(graph: Graph): ReadonlySet<Value> {
  const inputs = new Set(graph.inputs)
  const learned = new Set<Value>()
  for (const node of graph.allNodes()) {
    for (const index of operatorOf(node)?.learned?.(node) ?? [])
      for (const value of origins(node.inputs[index])) if (isStoredArray(value) && !inputs.has(value) && !isNoScale(value, node)) learned.add(value)
  }
  return learned
}

/**
 * Stored arrays that training leaves as they are though nothing says that it should: an ONNX file tells no positional embedding from a mask, and what is multiplied or added with
 * several axes may be either. Running statistics, factors and scales of integers are not among them.
 */
export function undecidedValues(graph: Graph): readonly Value[] {
  const inputs = new Set(graph.inputs)
  const isRead = (value: Value): boolean => value.uses.some(({ user, index }) => {
    if (user instanceof Graph) return false
    const { type, domain } = user
    if (FORMS.has(type) && origins(user.output).length) return isRead(user.output)
    const gradient = operatorOf(user)?.gradient
    return !domain && gradient !== undefined && gradient !== noGradient && !stateOf(user).includes(index) && !/Linear$|^Resize$/.test(type)
  })
  return graph.initializers.filter((value) => isStoredArray(value) && value.initializer!.size > 1 && !value.trainable && !value.frozen && !inputs.has(value) && isRead(value))
}

/** A sentence about them, with the way out, where there are such beside what is trained. */
export function leftAsTheyAre(graph: Graph): string {
  const names = graph.parameters.length ? undecidedValues(graph).map(String) : []
  return names.length ? `. Stored, and left as ${names.length > 1 ? 'they are' : 'it is'} by training: ${names.join(', ')}; to have it learned say model.unfreeze('${names[0]}')` : ''
}

/** What PyTorch's exporters work out and store has a number in the place of a name. */
const isUnnamed = ({ name }: Value): boolean => /^(val_\d+|onnx::\w+)$/.test(name)

/** A norm without learned scale and shift (`affine=False`) is exported with ones and zeros. */
const isNoScale = (value: Value, node: Node): boolean => node.type.endsWith('Normalization') && isUnnamed(value) && isUniform(value.initializer!)

const isStoredArray = ({ initializer }: Value): boolean => Boolean(initializer?.shape.length && isFloat(initializer.dtype))

/** A place that reads a stored tensor, and which parameter or running statistic it reads there; '' where it is none. */
interface Reading extends Use {
  readonly user: Node
  readonly role: string
  /** The role's name, as PyTorch has it. */
  readonly name: string
}

/**
 * Gives each parameter and running statistic a tensor of its own. PyTorch's exporters store equal tensors once, and those of a network that was never trained are: a norm's
 * scale is its running variance, too, and the scale of every other norm. Tensors with different numbers in them are equal only where the network means one.
 */
export function separateParameters(graph: Graph): void {
  const inputs = new Set(graph.inputs)
  for (const value of graph.initializers) {
    if (inputs.has(value) || !isStoredArray(value)) continue
    const byRole = new Map<string, Reading[]>()
    for (const reading of readingsOf(value)) byRole.set(reading.role, [...(byRole.get(reading.role) ?? []), reading])
    const roles = [...byRole]
    if (roles.length < 2 || !isUniform(value.initializer!)) continue
    const own = roles.find(([, [first]]) => first!.name === value.name) ?? roles.find(([role]) => role)
    for (const [role, readings] of roles) if (role !== own?.[0]) storeApart(value, readings)
  }
}

function storeApart(value: Value, readings: readonly Reading[]): void {
  const { graph, initializer } = value
  const apart = graph.constant(initializer!, readings[0]!.name || value.name)
  for (const { user, index } of readings) {
    const copied = user.inputs[index]!.producer
    user.setInput(index, apart)
    if (!copied || copied.output.uses.length) continue
    const { name } = copied.output
    copied.remove()
    apart.name = name
  }
}

/** Exporters lead a tensor that they took for another one to its readers by an Identity of its name. */
function readingsOf(value: Value, name = ''): readonly Reading[] {
  return value.uses.flatMap(({ user, index }): readonly Reading[] => {
    if (user instanceof Graph) return []
    if (user.type === 'Identity' && !user.domain) return readingsOf(user.output, user.output.name)
    if (!stateOf(user).includes(index)) return [{ user, index, role: '', name: '' }]
    const scope = scopeOf(user)
    return [{ user, index, role: name || `${scope ?? user.type} ${index}`, name: name || (scope ? `${scope}.${NAMES[index] ?? 'parameter'}` : value.name) }]
  })
}

/** What convolutions, products and norms read behind their first input. */
const NAMES = [undefined, 'weight', 'bias', 'running_mean', 'running_var']

const stateOf = (node: Node): readonly number[] => {
  const definition = operatorOf(node)
  return [...(definition?.learned?.(node) ?? []), ...(definition?.statistics ?? [])]
}

/** The module that a node is part of, as PyTorch's default exporter notes it: "['', 'inner', 'inner.norm1', 'layer_norm']" of which the last is the operator. */
function scopeOf(node: Node): string | undefined {
  const noted = (node.proto as NodeProto | undefined)?.metadataProps?.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value
  return noted?.match(/'([^']*)'/g)?.at(-2)?.slice(1, -1)
}

/** Whether every number of a tensor is the same. */
function isUniform({ bytes, dtype }: Tensor): boolean {
  const width = bitsPerElement(dtype) / 8
  return bytes.every((byte, i) => byte === bytes[i % width])
}
