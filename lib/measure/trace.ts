/** An element type and the shape under it: `{"float": [1, 3, 24, 94]}`. */
export type TracedTensor = Readonly<Record<string, readonly number[]>>

/** An event of ONNX Runtime's trace (microseconds). https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU */
export interface TraceEvent {
  readonly cat: string
  readonly name: string
  readonly ts: number
  readonly dur: number
  /** Sizes are decimal numbers of bytes. */
  readonly args: {
    readonly op_name?: string
    readonly provider?: string
    readonly input_type_shape?: readonly TracedTensor[]
    readonly output_type_shape?: readonly TracedTensor[]
    readonly activation_size?: string
    readonly parameter_size?: string
    readonly output_size?: string
    readonly mem_bytes_in_use?: string
    readonly mem_in_use_peak?: string
    readonly mem_arena_held?: string
  }
}

const KERNEL = '_kernel_time'

/** The kernels of a trace in the order in which they began. */
export function kernelsOf(events: readonly TraceEvent[]): TraceEvent[] {
  return events.filter(({ cat, name }) => cat === 'Node' && name.endsWith(KERNEL)).toSorted(byStart)
}

/** How people read a node's name: without the marks of the runtime's inlining and of the nodes that it fused. */
export const plainName = (name: string): string => name.replace(/^_inlfunc_/, '').replace(/(\/\w*Fusion\w*)+\/?$/, '') || name

export const nodeName = ({ name }: TraceEvent): string => name.slice(0, -KERNEL.length)

/** The runs of a trace in order. */
export function runsOf(events: readonly TraceEvent[]): TraceEvent[] {
  return events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run').toSorted(byStart)
}

/** The items that share a key, by key. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

const byStart = (a: TraceEvent, b: TraceEvent) => a.ts - b.ts
