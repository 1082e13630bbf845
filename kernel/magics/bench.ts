import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { contendersIn } from './contenders.ts'
import { UsageError, type Library, type Magic, type MagicContext } from './magic.ts'
import { parseOptions, variableIn } from './options.ts'

const OPTIONS = {
  calls: { type: 'string', short: 'n' },
  runs: { type: 'string', short: 'r' },
  time: { type: 'string', short: 't' },
  baseline: { type: 'string', short: 'b' },
  output: { type: 'string', short: 'o' },
  timeout: { type: 'string' },
  threshold: { type: 'string' },
  same: { type: 'boolean' },
} as const

type Contenders = Parameters<Library['bench']>[0]

export const bench: Magic = {
  name: 'bench',
  summary: 'time pieces of code side by side: each is a line or a block `name: ...`; medians, intervals, and who is faster',
  usage: `%%bench [variable] [-n CALLS] [-r RUNS] [-t SECONDS] [-b NAME] [-o FILE] [--same] [--threshold PERCENT] [--timeout SECONDS]
What stands behind a label is timed; all else runs once before, and what it declares stays. Without labels the cell's value is timed, an object of functions:
({ 'float 32': () => a.run(x), 'int 8': () => b.run(x) }).
  const x = plates.batch(100)
  float32: await a.run(x)
  int8: { const y = await b.run(x); decode(y) }
-n calls within a sample (as many as take a millisecond), -r rounds (as many as a narrow interval needs), -t seconds to spend (10), -b whom the others are
compared with (the first), -o a JSON file for hone compare, --same refuses contenders whose results differ, --threshold differences that count as none (2).`,
  typescript: 'body',
  words: () => Object.keys(OPTIONS).map((name) => `--${name}`),
  async cell(argument, body, context) {
    const { values, positionals } = parseOptions(argument, OPTIONS)
    const { calls, runs, time: seconds, timeout, threshold } = numbersIn(values)
    const variable = variableIn(positionals)
    const file = values.output === undefined ? undefined : resolve(values.output)
    if (file !== undefined && !existsSync(dirname(file))) throw new Error(`-o: there is no folder ${dirname(file)}.`)
    const contenders = await contendersOf(body, context)
    const library = await context.lib()
    const options = {
      calls, minRuns: runs, maxRuns: runs, seconds, timeout, threshold: threshold === undefined ? undefined : threshold / 100,
      baseline: values.baseline, sameResults: values.same,
    }
    const finish = async (result: Awaited<ReturnType<Library['bench']>>) => {
      if (variable !== undefined) await context.assign({ [variable]: result })
      if (file === undefined) return
      library.saveBench(result, file)
      context.print(`Written to ${file}\n`)
    }
    try {
      const result = await library.bench(contenders, options)
      await finish(result)
      return result
    } catch (error) {
      if (error instanceof library.BenchError && error.result !== undefined) {
        context.display(error.result)
        await finish(error.result)
      }
      throw error
    }
  },
}

const NUMBERS = ['calls', 'runs', 'time', 'timeout', 'threshold'] as const

function numbersIn(values: Partial<Record<(typeof NUMBERS)[number], string>>): Partial<Record<(typeof NUMBERS)[number], number>> {
  const given = NUMBERS.filter((name) => values[name] !== undefined)
  const bad = given.find((name) => !(Number(values[name]) >= 0))
  if (bad !== undefined) throw new UsageError(`--${bad} takes a number, not "${values[bad]}".`)
  return Object.fromEntries(given.map((name) => [name, Number(values[name])]))
}

async function contendersOf(body: string, { prepare }: MagicContext): Promise<Contenders> {
  const parts = contendersIn(body)
  if (parts === undefined || parts.labelled.length === 0) return checked(await prepare(body)())
  const names = parts.labelled.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new UsageError(`Two contenders are called ${twice}. Give each a name of its own.`)
  await prepare(parts.setup)()
  const functions: Record<string, () => unknown> = {}
  for (const { name, code, around } of parts.labelled) functions[name] = (await prepare(code, around)()) as () => unknown
  return functions
}

/** What a cell without labels answers. */
function checked(value: unknown): Contenders {
  const all = Object.values((value ?? {}) as object)
  const isContender = (one: unknown) => typeof one === 'function' || (typeof one === 'object' && one !== null && ('run' in one || 'time' in one))
  if (typeof value === 'object' && value !== null && all.length > 0 && all.every(isContender)) return value as Contenders
  throw new UsageError('%%bench found nothing to time: write each contender as `name: expression` on a line of its own, or end the cell with an object of functions, ({ name: () => ... }).')
}
