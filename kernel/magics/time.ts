import { UsageError, type Magic, type MagicContext } from './magic.ts'

/** Times one run, as IPython's %time does. What the code declares stays. `first` is code on the line above. */
async function timeOnce(code: string, first: string, { prepare, print }: MagicContext): Promise<unknown> {
  const run = prepare(code, [first, ''])
  const processor = process.cpuUsage()
  const start = performance.now()
  try {
    return await run()
  } finally {
    const wall = performance.now() - start
    const { user, system } = process.cpuUsage(processor)
    const [userTime, systemTime, total] = [user, system, user + system].map((time) => duration(time / 1e6))
    print(`CPU times: user ${userTime}, sys: ${systemTime}, total: ${total}\nWall time: ${duration(wall / 1e3)}\n`)
  }
}

/** Options of %timeit: -n loops a run, -r runs. */
interface LoopOptions {
  n?: number
  r?: number
}
const OPTION = /^\s*-([nr])\s*(\d+)\s*/
const RUNS = 7
/** A run lasts at least this many seconds when the number of loops is not given. */
const SHORTEST_RUN = 0.2

/** Times many runs, as IPython's %timeit does: loops in powers of ten until a run is long enough, then seven runs. */
async function timeManyTimes(code: string, setup: string, options: LoopOptions, { prepare, print }: MagicContext): Promise<void> {
  if (code.trim() === '') throw new UsageError('%timeit takes the code to time: %timeit -n 100 work().')
  const prefix = /\bawait\b/.test(setup + code) ? 'async ' : ''
  const once = (await prepare(code, [`(${prefix}() => { ${setup}; return ${prefix}() => { `, '\n}})()'])()) as () => unknown
  const run = prefix === '' ? (loops: number) => seconds(once, loops) : (loops: number) => secondsAsync(once, loops)
  let loops = options.n ?? 1
  if (options.n === undefined) while ((await run(loops)) < SHORTEST_RUN && loops < 1e9) loops *= 10
  const times: number[] = []
  for (let i = 0; i < (options.r ?? RUNS); i++) times.push((await run(loops)) / loops)
  const runs = `mean ± std. dev. of ${times.length} runs, ${loops.toLocaleString('en')} loops each`
  print(`${summary(times)} (${runs}; best ${duration(Math.min(...times))})\n`)
}

/** Takes -n and -r from the front of a magic's argument. */
function parseLoops(argument: string): [LoopOptions, rest: string] {
  const match = OPTION.exec(argument)
  if (match === null) return [{}, argument]
  const [options, rest] = parseLoops(argument.slice(match[0].length))
  return [{ [match[1]]: Number(match[2]), ...options }, rest]
}

function seconds(once: () => unknown, loops: number): number {
  const start = performance.now()
  for (let i = 0; i < loops; i++) once()
  return (performance.now() - start) / 1e3
}

async function secondsAsync(once: () => unknown, loops: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < loops; i++) await once()
  return (performance.now() - start) / 1e3
}

function summary(times: number[]): string {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / times.length
  return `${duration(mean)} ± ${duration(Math.sqrt(variance))} per loop`
}

/** Seconds with three significant digits and a fitting unit. */
export function duration(time: number): string {
  if (time >= 60) return `${Math.floor(time / 60)}min ${(time % 60).toFixed(0)}s`
  const [scale, unit] = time >= 1 || time === 0 ? [1, 's'] : time >= 1e-3 ? [1e3, 'ms'] : time >= 1e-6 ? [1e6, 'µs'] : [1e9, 'ns']
  return `${Number((time * Number(scale)).toPrecision(3))} ${unit}`
}

export const time: Magic = {
  name: 'time',
  summary: 'time one run of a line or a cell',
  typescript: 'all',
  line: (argument, context) => timeOnce(argument, '', context),
  cell: (argument, body, context) => timeOnce(body, argument, context),
}

export const timeit: Magic = {
  name: 'timeit',
  summary: 'time many runs of a line or a cell: mean, standard deviation, best ([-n loops] [-r runs])',
  typescript: 'all',
  line(argument, context) {
    const [options, code] = parseLoops(argument)
    return timeManyTimes(code, '', options, context)
  },
  cell(argument, body, context) {
    const [options, setup] = parseLoops(argument)
    return timeManyTimes(body, setup, options, context)
  },
}
