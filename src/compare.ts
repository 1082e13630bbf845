import type { Command } from 'commander'
import { compareBenches } from '../lib/measure/regression.ts'
import type { BenchResult } from '../lib/measure/result.ts'
import { readBench } from '../lib/measure/saved.ts'
import { percent } from './measure-options.ts'
import { UsageError } from './usage.ts'

export function compare(program: Command): void {
  program
    .command('compare')
    .description('say what became faster or slower between two saved results of hone bench; exit code 1 where something became slower')
    .argument('<before>', 'a file that hone bench saved')
    .argument('<after>', 'a later one')
    .option('--threshold <percent>', 'changes count beyond so many per cent', percent, 0.02)
    .action((before: string, after: string, options: { threshold: number }) => {
      const changes = compareBenches(read(before), read(after), options)
      if (changes.changes.length === 0) throw new UsageError(`${before} and ${after} have no contender in common.`)
      console.log(changes.table()['text/plain'])
      process.exitCode = changes.regressions.length ? 1 : 0
    })
}

function read(file: string): BenchResult {
  try {
    return readBench(file)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}
