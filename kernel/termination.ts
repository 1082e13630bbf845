import { isKernelScript } from './stack.ts'
import { Flag, Insistence, Interrupt, Stillness, type ToProtocolThread } from './threads.ts'

/** How many frames are looked at. */
const DEPTH = 200
/** Milliseconds for which the thread stands still. */
const STILL_MS = 20

/** The frames under an evaluation that the inspector put on top of them; `above` is the function that it called. Undefined where they cannot be had. */
export function framesBelow(above: (...args: never[]) => unknown): NodeJS.CallSite[] | undefined {
  const { stackTraceLimit, prepareStackTrace } = Error
  const holder: { stack?: NodeJS.CallSite[] } = {}
  try {
    Error.stackTraceLimit = DEPTH
    Error.prepareStackTrace = (_, frames) => frames
    Error.captureStackTrace(holder, above)
    return holder.stack!.slice(1)
  } catch {
    return undefined
  } finally {
    Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  }
}

/**
 * Whether V8 may terminate what runs. Code of cells and packages is used to be left by exceptions; Node's functions and the
 * kernel's are not, where they are at work themselves: their state may be half changed. What `vm` runs may have a timeout of its own,
 * and V8 knows but one termination at a time. A module of Node's own that is half loaded stays so: it is never terminated.
 */
export function isTerminable(frames: readonly NodeJS.CallSite[] | undefined, insistence: Insistence): boolean {
  if (frames === undefined) return insistence === Insistence.force
  const urls = frames.map((frame) => (frame.isEval() ? 'eval' : frame.getScriptNameOrSourceURL())).filter(Boolean) as string[]
  const [top] = urls
  if (top === undefined || urls.every(isInternal) || insistence === Insistence.tell) return false
  if (isInternal(top)) return insistence === Insistence.force && !isLoadingNode(urls)
  if (insistence === Insistence.terminateOwn) return !top.includes('/node_modules/')
  return insistence >= Insistence.terminateVm || !urls.includes('node:vm')
}

/** Whether Node's own functions that are on top load more of Node. */
function isLoadingNode(urls: readonly string[]): boolean {
  const own = urls.slice(0, urls.findIndex((url) => !isInternal(url)))
  return own.some((url) => url === 'node:internal/bootstrap/realm' || url.startsWith('node:internal/modules/'))
}

/** Displays and magics call code that is not theirs in loops, and keep nothing. */
function isInternal(url: string): boolean {
  return url.startsWith('node:') || (isKernelScript(url) && !/\/kernel\/(?:display|magics)\//.test(url))
}

/**
 * Stands still until the protocol thread has asked V8 for the termination, which then comes as soon as the evaluation has returned.
 * It spins: the evaluation may be on top of an `Atomics.wait`, and a thread has but one place in V8's list of those that sleep.
 */
export function standStill(flags: Int32Array, post: (message: ToProtocolThread) => void): void {
  Atomics.store(flags, Flag.interrupt, Interrupt.terminating)
  Atomics.store(flags, Flag.stillness, Stillness.still)
  post({ type: 'still' })
  const end = performance.now() + STILL_MS
  while (Atomics.load(flags, Flag.stillness) === Stillness.still && performance.now() < end);
  if (Atomics.compareExchange(flags, Flag.stillness, Stillness.still, Stillness.none) === Stillness.still) {
    Atomics.store(flags, Flag.interrupt, Interrupt.asked)
    return
  }
  while (Atomics.load(flags, Flag.stillness) !== Stillness.asked);
}
