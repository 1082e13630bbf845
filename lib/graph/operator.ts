import type { Builder } from './builder.ts'
import { sameDim, type Dim } from './dim.ts'
import type { Graph, Node, TensorType, Value } from './graph.ts'

/** The domain of hone's own operators; each has an expansion in ONNX's. */
export const HONE = 'hone'
/** The domain of ONNX Runtime's own operators. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md */
export const MICROSOFT = 'com.microsoft'

/** Work that a node does; symbolic where the batch size is. */
export interface Cost {
  /** Multiply-adds of convolutions and matrix products; 0 for others. */
  readonly macs: Dim
  /** Floating-point operations; two for a multiply-add. */
  readonly flops: Dim
}

export interface GradientContext {
  /** Builds the backward graph. */
  readonly graph: Builder
  readonly node: Node
  /** An absent optional input is undefined. */
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** The gradient that arrives at each output; undefined where none does. */
  readonly gradients: readonly Value[]
  /** Whether anything needs the gradient of this input. */
  wants(input: number): boolean
}

export interface ExpansionContext {
  readonly graph: Builder
  readonly node: Node
  readonly inputs: readonly Value[]
}

/** By which statistics a batch norm normalizes in training: the batch's, which then move the running ones, or the running ones, which then stay. */
export type BatchNormStatistics = 'batch' | 'running'

export interface TrainingContext {
  readonly graph: Builder
  readonly node: Node
  /** An absent optional input is undefined. */
  readonly inputs: readonly Value[]
  /** What randomness depends on beside the step: a fixed number for the whole run. */
  readonly seed: number
  /** By which statistics batch norms normalize, where that was asked for. */
  readonly batchNorm?: BatchNormStatistics | undefined
  /** Number of the step, a float32 scalar. */
  step(): Value
  /** A number that no other node has. */
  stream(): number
}

/** What stands for a node in training. */
export interface TrainingForm {
  /** One for each of the node's outputs that training has. */
  readonly outputs: readonly Value[]
  /** Stored tensors that the step moves though no gradient does, such as running means, and their new values. */
  readonly moved?: ReadonlyMap<Value, Value>
}

/** One axis of a value. */
export interface Port {
  readonly value: Value
  readonly axis: number
}

/** Entries of two axes that belong together: where one is removed, so must the other be. */
export interface Link {
  readonly a: Port
  readonly b: Port
  /** Entries of `b` that entries of `a` stand for; all, by default the same ones. */
  readonly forward: (entries: readonly number[]) => readonly number[]
  readonly backward: (entries: readonly number[]) => readonly number[]
  /** The reason for which entries of `a` stay unless they are zero where the weights are that compute them. */
  readonly unlessZero?: string
}

/** All that is known about an operator. */
export interface Operator {
  readonly type: string
  readonly domain: string
  /** Types of the outputs. Absent optional inputs are undefined. `infer` descends into a subgraph. @throws Error where the inputs do not fit. */
  readonly shape?: (inputs: readonly Value[], node: Node, infer: (graph: Graph) => void) => readonly TensorType[]
  readonly cost?: (inputs: readonly Value[], node: Node) => Partial<Cost>
  /** The gradient of each input; null where there is none. An operator without a rule is not differentiable. */
  readonly gradient?: (context: GradientContext) => readonly (Value | null | undefined)[]
  /** The operator as training runs it, where that is another one; null where this node stays as it is. @throws Error where it cannot be trained. */
  readonly training?: (context: TrainingContext) => TrainingForm | null
  /** Inputs that are parameters, where they are stored: by this the parameters of a file are told that another program wrote. */
  readonly learned?: (node: Node) => readonly number[]
  /** Inputs that are running statistics. */
  readonly statistics?: readonly number[]
  /** The same computation in ONNX's own operators. */
  readonly expansion?: (context: ExpansionContext) => readonly Value[]
  /** Which axes hang together. An operator without a rule blocks the removal of channels. @throws Error with the reason for a refusal. */
  readonly coupling?: (node: Node) => readonly Link[]
  /**
   * Mends attributes and shape inputs when entries are removed. `kept` answers the entries of an axis that stay, by their former indices; the
   * values around the node still have their former shapes. New nodes go to the end of the graph, which is sorted after. @throws Error where it cannot.
   */
  readonly resized?: (node: Node, kept: (port: Port) => readonly number[], builder: Builder) => void
}

export function operator(type: string, definition: Omit<Operator, 'type' | 'domain'>, domain = ''): Operator {
  return { type, domain, ...definition }
}

const same = (entries: readonly number[]) => entries

export function link(a: Port, b: Port, forward: Link['forward'] = same, backward: Link['backward'] = same): Link {
  return { a, b, forward, backward }
}

/** Each entry of `a` stands for `count` neighbouring entries of `b`. */
export function blocks(a: Port, b: Port, count: number): Link {
  return link(a, b,
    (entries) => entries.flatMap((i) => Array.from({ length: count }, (_, k) => i * count + k)),
    (entries) => [...new Set(entries.map((i) => Math.floor(i / count)))])
}

/** `a` is a part of `b` that begins at `offset` and is `extent` long. */
export function part(a: Port, b: Port, offset: number, extent: number): Link {
  return link(a, b,
    (entries) => entries.map((i) => i + offset),
    (entries) => entries.filter((i) => i >= offset && i < offset + extent).map((i) => i - offset))
}

/** Elementwise operators: every axis of every input hangs together with the same axis of every output, unless it is broadcast. */
export function everyDimension(node: Node): readonly Link[] {
  return node.outputs.flatMap((output) => node.inputs.flatMap((input) => {
    if (!input) return []
    if (!input.shape || !output.shape) throw new Error(`${node}: the shape of "${input.shape ? output : input}" is unknown`)
    const lead = output.shape.length - input.shape.length
    return input.shape.flatMap((_, axis) => broadcastAxis(node, { value: input, axis }, { value: output, axis: axis + lead }))
  }))
}

/** An axis of an input and the one of the output that it becomes, or along which it is repeated: then the two are apart. */
export function broadcastAxis(node: Node, from: Port, to: Port): readonly Link[] {
  const extent = from.value.shape![from.axis]!
  if (sameDim(extent, to.value.shape![to.axis]!)) return [link(from, to)]
  return extent === 1 ? [] : [from, to].map((port) => fixed(port, `${node}: whether axis ${from.axis} of "${from.value}" is broadcast is known only at run time`))
}

/** Every axis of `x` but those of `except` hangs together with the same axis of `y`. */
export function sameAxes(x: Value, y: Value, except: readonly number[] = []): readonly Link[] {
  return (x.shape ?? []).flatMap((_, axis) => (except.includes(axis) ? [] : [link({ value: x, axis }, { value: y, axis })]))
}

/** For operators that normalize or mix entries along some axes: those can lose none, since the others would change; every other axis passes through. */
export function alongAxes(node: Node, axes: readonly number[]): readonly Link[] {
  const [x, y] = [node.input(0), node.output]
  return [...[x, y].flatMap((value) => axes.map((axis) => fixed({ value, axis }, `${node} works along axis ${axis} of "${value}"`))), ...sameAxes(x, y, axes)]
}

/** An axis that can lose no entry; its removal is refused with the reason. */
export function fixed(port: Port, reason: string): Link {
  const refuse = () => {
    throw new Error(reason)
  }
  return link(port, port, refuse, refuse)
}

/** An axis that can lose entries that are zero, since they are added up; others are refused with the reason. */
export const addedUp = (port: Port, reason: string): Link => ({ ...link(port, port), unlessZero: reason })

/** For operators whose outputs' axes do not hang together with those of their inputs. */
export const independent = (): readonly Link[] => []

/** For operators whose outputs do not vary smoothly with their inputs (comparisons, shapes, indices). */
export const noGradient = (): readonly null[] => []

/** Resolves a negative axis. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}
