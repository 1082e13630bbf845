import type { Command } from 'commander'
import { memory } from '../lib/measure/memory.ts'
import type { MemoryProfile } from '../lib/measure/memory-profile.ts'
import { profile as profiled, ProfileError } from '../lib/measure/profile.ts'
import type { Profile } from '../lib/measure/profile-table.ts'
import { count, inputsFor, openModel, sessionOptions, withModelOptions, type ModelOptions } from './measure-options.ts'

interface ProfileOptions extends ModelOptions {
  readonly runs: number
  readonly nodes: number
  readonly optimize: boolean
  readonly memory?: boolean
}

export function profile(program: Command): void {
  withModelOptions(program.command('profile'))
    .description('say where the time (and the memory) of an ONNX model goes, operator by operator')
    .argument('<model>', 'an ONNX file; it is fed random numbers')
    .option('--runs <count>', 'runs that count', count, 10)
    .option('--nodes <count>', 'how many of the costliest nodes to show', count, 15)
    .option('--memory', 'tell the memory too, from a process of its own')
    .option('--no-optimize', "run the graph as it stands, without ONNX Runtime's rewrites")
    .action(async (file: string, options: ProfileOptions) => {
      process.exitCode = await profileModel(file, options)
    })
}

/** @returns the exit code: 1 where the model fails; what ran before it did is shown. */
async function profileModel(file: string, options: ProfileOptions): Promise<number> {
  const session = await openModel(file, options)
  const feeds = inputsFor(session.inputs, options)
  await session.release()
  try {
    const settings = { ...sessionOptions(options), ...(!options.optimize && { graphOptimization: 'disabled' as const }) }
    show(await profiled(file, feeds, { ...settings, runs: options.runs }), options.nodes)
    if (options.memory) showMemory(await memory(file, feeds, settings), options.nodes)
    return 0
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error
    show(error.profile, options.nodes)
    console.error(`hone: ${error.message}`)
    return 1
  }
}

function show(found: Profile, nodes: number): void {
  console.log(`${found.byNode(nodes).text}\n\n${found.table()['text/plain']}`)
}

function showMemory(found: MemoryProfile, nodes: number): void {
  console.log(`\n${found.byOperator(nodes).text}\n\n${found.table()['text/plain']}`)
}
