import path from 'node:path'
import type { Command } from 'commander'
import { bench as time, BenchError } from '../lib/measure/bench.ts'
import type { Contender } from '../lib/measure/contender.ts'
import { processContender } from '../lib/measure/process.ts'
import type { BenchResult } from '../lib/measure/result.ts'
import { saveBench } from '../lib/measure/saved.ts'
import { count, inputsFor, openModel, percent, positive, withModelOptions, type ModelOptions } from './measure-options.ts'
import { UsageError } from './usage.ts'

interface BenchOptions extends ModelOptions {
  readonly seconds: number
  readonly runs?: number
  readonly calls?: number
  readonly baseline?: string
  readonly threshold?: number
  readonly timeout?: number
  readonly save?: string
  readonly same?: boolean
}

export function bench(program: Command): void {
  withModelOptions(program.command('bench'))
    .description('time ONNX models and other programs side by side')
    .argument('<contenders...>', 'MODEL.onnx, NAME=MODEL.onnx, or NAME="COMMAND ARGUMENTS": a program that speaks the protocol of processContender')
    .option('--seconds <seconds>', 'how long to measure', positive, 10)
    .option('--runs <count>', 'samples of each (as many as a narrow interval needs)', count)
    .option('--calls <count>', 'calls within a sample (as many as take a millisecond)', count)
    .option('--baseline <name>', 'whom the others are compared with (the first)')
    .option('--threshold <percent>', 'differences that count as none (2)', percent)
    .option('--timeout <seconds>', 'how long a call may take (600)', positive)
    .option('--same', 'refuse contenders whose results differ')
    .option('--save <file>', 'write the result as JSON, for hone compare')
    .action(async (contenders: readonly string[], options: BenchOptions) => {
      process.exitCode = await measured(contenders, options)
    })
}

/** @returns the exit code: 1 where a contender fails; what was measured before it did is reported. */
async function measured(specifications: readonly string[], options: BenchOptions): Promise<number> {
  const named = specifications.map(parsed)
  const twice = named.find(({ name }, i) => named.findIndex((other) => other.name === name) < i)
  if (twice) throw new UsageError(`Two contenders are called ${twice.name}. Name them: NAME=${twice.source}`)
  if (options.baseline !== undefined && !named.some(({ name }) => name === options.baseline)) throw new UsageError(`--baseline: no contender is called ${options.baseline}.`)
  const contenders: Record<string, Contender> = {}
  for (const { name, source } of named) contenders[name] = source.endsWith('.onnx') ? await model(source, options) : await program(source)
  try {
    const { seconds, runs, calls, baseline, threshold, timeout, same } = options
    report(await time(contenders, { seconds, minRuns: runs, maxRuns: runs, calls, baseline, threshold, timeout, sameResults: same }), options.save)
    return 0
  } catch (error) {
    if (!(error instanceof BenchError)) throw error
    if (error.result) report(error.result, options.save)
    console.error(`hone: ${error.message}.`)
    return 1
  }
}

function report(result: BenchResult, file: string | undefined): void {
  console.log(String(result))
  if (file === undefined) return
  saveBench(result, file)
  console.log(`\nSaved in ${file}. Compare it with another: hone compare ${file} OTHER.json`)
}

interface Specification {
  readonly name: string
  readonly source: string
}

function parsed(text: string): Specification {
  const [, name, source] = /^([^=\s/\\]+)=(.+)$/s.exec(text) ?? []
  if (name) return { name, source }
  if (text.endsWith('.onnx')) return { name: path.basename(text, '.onnx'), source: text }
  throw new UsageError(`A program needs a name: NAME="${text}".`)
}

async function model(file: string, options: ModelOptions): Promise<Contender> {
  const session = await openModel(file, options)
  const feeds = inputsFor(session.inputs, options)
  return { run: session.bind(feeds), perCall: options.batch ?? 1 }
}

/** Arguments are split at spaces; what needs more belongs into a script. */
async function program(command: string): Promise<Contender> {
  const [name, ...args] = command.trim().split(/\s+/)
  try {
    return await processContender(name, args)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}
