import type { Profiler } from 'node:inspector'
import { RECORDING } from './recording.ts'

/** A place as a person knows it: a file, or a cell of a notebook. Line and column from 1. */
export interface Place {
  readonly name: string
  readonly line: number
  readonly column: number
}

/** How frames are named. */
export interface FrameOptions {
  /** The place that a person knows a place in a script by; line from 1, column from 0. */
  readonly locate?: (url: string, position: { line: number; column: number }) => Place | undefined
  /** Whether the frames of a script are left out; what they spend counts for their callers. */
  readonly isHidden?: (url: string) => boolean
}

/** A function as V8 names it. https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-CallFrame */
export interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

/** A frame in terms of what the person typed. Line and column stay counted from 0. */
export function located<Frame extends CallFrame>(frame: Frame, { locate }: FrameOptions): Frame {
  const place = frame.url === '' ? undefined : locate?.(frame.url, { line: frame.lineNumber + 1, column: frame.columnNumber })
  return place === undefined ? frame : { ...frame, url: place.name, lineNumber: place.line - 1, columnNumber: place.column - 1 }
}

/** One function that was called along one path, with what it took itself. */
export interface Call {
  readonly frame: CallFrame
  readonly children: Call[]
  /** Microseconds, or bytes. */
  self: number
  /** With all that it called. */
  total: number
}

/** A node of a profile, of time or of memory. */
export interface Node {
  readonly frame: CallFrame
  readonly self: number
  readonly children: readonly Node[]
}

/** V8's own way into a recording; what it takes is not the work's. */
const INSPECTOR = 'node:inspector'
/** What V8 calls time in which nothing ran. */
const IDLE = '(idle)'

/** The calls of a profile without those that are hidden, which stand for what they call. */
export function callTree(root: Node, isHidden: (url: string) => boolean = () => false): Call {
  const read = ({ frame, self, children }: Node): { calls: Call[]; self: number } => {
    if (frame.url === INSPECTOR || frame.functionName === IDLE) return { calls: [], self: 0 }
    const inner = children.map(read)
    const calls = inner.flatMap(({ calls: below }) => below)
    const own = inner.reduce((sum, below) => sum + below.self, self)
    return frame.url === RECORDING || isHidden(frame.url) ? { calls, self: own } : { calls: [mergedCall(frame, own, calls)], self: 0 }
  }
  return read(root).calls[0]
}

/** The same function called twice from the same place is one call. */
function mergedCall(frame: CallFrame, self: number, children: readonly Call[]): Call {
  const merged: Call[] = []
  for (const child of children) {
    const same = merged.findIndex((known) => keyOf(known.frame) === keyOf(child.frame))
    if (same < 0) merged.push(child)
    else merged[same] = mergedCall(child.frame, merged[same].self + child.self, [...merged[same].children, ...child.children])
  }
  return { frame, children: merged, self, total: merged.reduce((sum, { total }) => sum + total, self) }
}

/** What one function took, along all paths. */
export interface FunctionCost {
  readonly name: string
  /** Script and line; empty for what V8 does itself. */
  readonly place: string
  readonly self: number
  /** With all that it called, recursive calls counted once. */
  readonly total: number
}

/** Adds a tree up by function, the one that took most itself first. */
export function byFunction(root: Call): FunctionCost[] {
  const costs = new Map<string, { -readonly [Key in keyof FunctionCost]: FunctionCost[Key] }>()
  const visit = ({ frame, self, total, children }: Call, around: ReadonlySet<string>) => {
    const key = keyOf(frame)
    const cost = costs.get(key) ?? { name: nameOf(frame), place: placeOf(frame), self: 0, total: 0 }
    costs.set(key, cost)
    cost.self += self
    if (!around.has(key)) cost.total += total
    const inner = new Set([...around, key])
    for (const child of children) visit(child, inner)
  }
  for (const child of root.children) visit(child, new Set())
  return [...costs.values()].filter(({ self }) => self > 0).toSorted((a, b) => b.self - a.self)
}

export const nameOf = ({ functionName }: CallFrame): string => functionName || '(anonymous)'

/** Script and line, without the folders before the package. */
export function placeOf({ url, lineNumber }: CallFrame): string {
  if (url === '') return ''
  const file = url.replace(/^file:\/\/.*\/node_modules\//, '').replace(/^file:\/\//, '')
  return `${file}:${lineNumber + 1}`
}

const keyOf = ({ functionName, url, lineNumber, columnNumber }: CallFrame) => [functionName, url, lineNumber, columnNumber].join('\n')

/** Microseconds that each node of a profile was seen running: each sample holds until the next. */
export function selfTimes({ nodes, samples = [], timeDeltas = [], startTime, endTime }: Profiler.Profile): Map<number, number> {
  const times = new Map(nodes.map(({ id }) => [id, 0]))
  let now = startTime
  for (const [i, id] of samples.entries()) {
    now += timeDeltas[i]
    const until = i + 1 < samples.length ? timeDeltas[i + 1] : Math.max(0, endTime - now)
    times.set(id, times.get(id)! + Math.max(0, until))
  }
  return times
}
