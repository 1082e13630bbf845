// Checks one network in some precisions on a device, and prints a JSON line for each: check-model.js DEVICE NAME PRECISION,... SECONDS
import { median, quantile } from '../../lib/measure/stats.ts'
import { resolveDevice, type Device } from '../../lib/runtime/devices.ts'
import { checkDevice, mixed, type Precision } from '../../lib/train/precision.ts'
import { StepSession } from '../../lib/train/step-session.ts'
import { initialState, trainingStep } from '../../lib/train/step.ts'
import { models, type CheckedModel } from './models.ts'
import { distance, gradientsOn } from './steps.ts'

/** What a row of the check computes in. `tf32` and `float32` differ by how the process is started: see check.ts. */
export type PrecisionName = 'float32' | 'tf32' | 'float16' | 'bfloat16'

/** Of one network in one precision. */
export interface ModelResult {
  readonly model: string
  readonly precision: PrecisionName
  /** How far the gradients are from the CPU's in float32: the largest relative distance of a parameter's. */
  readonly distance?: number
  readonly losses?: readonly [device: number, cpu: number]
  readonly batch?: number
  readonly stepsPerRun?: number
  /** Seconds of a training step. */
  readonly seconds?: { readonly median: number; readonly p25: number; readonly p75: number; readonly runs: number }
  /** Seconds until the step could run. */
  readonly compile?: number
  /** Bytes that this process had in memory at most. */
  readonly resident?: number
  /** Why there is no figure, or not all. */
  readonly failure?: string
}

/** A scale that does not overflow, so that no step is skipped whose gradients are wanted. */
const SCALE = 1024

const precisions: Readonly<Record<PrecisionName, Precision | null>> = {
  float32: null,
  tf32: null,
  float16: mixed('float16', { lossScale: SCALE }),
  bfloat16: mixed('bfloat16'),
}

async function checked(device: Device, model: string, make: () => CheckedModel, precision: PrecisionName, limit: number, expected: Awaited<ReturnType<typeof gradientsOn>>): Promise<ModelResult> {
  const mixedPrecision = precisions[precision]
  const result: { -readonly [Key in keyof ModelResult]: ModelResult[Key] } = { model, precision }
  try {
    if (mixedPrecision) await checkDevice(mixedPrecision, device)
    const { task, optimizer, batches: [compared, timed] } = make()
    const found = await gradientsOn(device, { ...same(task(compared), compared, model), precision: mixedPrecision })
    Object.assign(result, { distance: distance(found, expected), losses: [found['loss']![0]!, expected['loss']![0]!], batch: timed })
    const { model: graph, feeds, ...options } = task(timed)
    const begin = performance.now()
    const step = trainingStep(graph, { ...options, optimizer, precision: mixedPrecision })
    const session = await StepSession.open(step, initialState(step, graph), { device, sizes: { N: timed } })
    const several = Array.from({ length: session.stepsPerRun }, () => feeds)
    await session.run(several)
    result.compile = (performance.now() - begin) / 1000
    const seconds = await times(() => session.run(several), session.stepsPerRun, limit)
    await session.release()
    Object.assign(result, { stepsPerRun: session.stepsPerRun, seconds: { median: median(seconds), p25: quantile(seconds, 0.25), p75: quantile(seconds, 0.75), runs: seconds.length } })
  } catch (error) {
    result.failure = (error as Error).message
  }
  return { ...result, resident: process.resourceUsage().maxRSS * 1024 }
}

const kept = new Map<string, ReturnType<CheckedModel['task']>>()

/** Every precision meets the same batch and the same weights. */
function same(task: ReturnType<CheckedModel['task']>, batch: number, model: string): ReturnType<CheckedModel['task']> {
  const key = `${model} ${batch}`
  if (!kept.has(key)) kept.set(key, task)
  return kept.get(key)!
}

/** Seconds a step, as often as fits into the limit, and at least twice. */
async function times(run: () => Promise<unknown>, steps: number, limit: number): Promise<number[]> {
  const seconds: number[] = []
  const end = performance.now() + limit * 1000
  while (seconds.length < 2 || (performance.now() < end && seconds.length < 200)) {
    const start = performance.now()
    await run()
    seconds.push((performance.now() - start) / 1000 / steps)
  }
  return seconds
}

const [wanted, name, list, limit] = process.argv.slice(2) as [Device, string, string, string]
const device = await resolveDevice(wanted)
const make = models[name]!
const { task, batches: [compared] } = make()
const expected = await gradientsOn('cpu', same(task(compared), compared, name))
for (const precision of list.split(',') as PrecisionName[]) console.log(JSON.stringify(await checked(device, name, make, precision, Number(limit), expected)))
