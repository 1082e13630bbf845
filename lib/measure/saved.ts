import { readFileSync } from 'node:fs'
import { writeWholeSync } from '../files.ts'
import { benchResult, FORMAT, VERSION, type BenchResult, type SavedBench } from './result.ts'

/** Writes a result as JSON: every sample, and where it was measured. */
export function saveBench(result: BenchResult, path: string): void {
  writeWholeSync(path, `${JSON.stringify(result, undefined, 1)}\n`)
}

/** Reads what `saveBench` wrote. @throws Error naming the file and what is wrong with it. */
export function readBench(path: string): BenchResult {
  const saved = parsed(path)
  if (saved?.format !== FORMAT) throw new Error(`${path} holds no result of hone bench.`)
  if (saved.version !== VERSION) throw new Error(`${path} was written in version ${saved.version} of the format, and this hone reads version ${VERSION}. Measure again, or use the hone that wrote it (${saved.environment?.versions?.hone}).`)
  const flaw = flawOf(saved)
  if (flaw) throw new Error(`${path} is damaged: ${flaw}.`)
  const { contenders, baseline, seed, threshold, environment, conditions, started } = saved
  return benchResult(contenders, { baseline, seed, threshold, environment, conditions, started: new Date(started) })
}

function parsed(path: string): SavedBench {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${path} is no JSON: ${(error as Error).message}.`, { cause: error })
  }
}

function flawOf({ contenders, baseline, environment, conditions }: SavedBench): string | undefined {
  if (!Array.isArray(contenders) || contenders.length === 0) return 'it holds no contenders'
  if (!environment?.versions || !Array.isArray(conditions?.pace)) return 'it does not say where it was measured'
  for (const { name, samples } of contenders) {
    if (!Array.isArray(samples) || samples.length === 0) return `${name} has no samples`
    const bad = samples.findIndex((sample) => !(sample > 0 && sample < Infinity))
    if (bad >= 0) return `sample ${bad + 1} of ${name} is ${samples[bad]}, not a time in seconds`
  }
  return contenders.some(({ name }) => name === baseline) ? undefined : `its baseline ${baseline} is not among its contenders`
}
