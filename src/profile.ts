import type { Command } from 'commander'
import { compareProfiles } from '../lib/measure/match.ts'
import { memory } from '../lib/measure/memory.ts'
import { profile as profiled, ProfileError } from '../lib/measure/profile.ts'
import type { Profile } from '../lib/measure/profile-table.ts'
import type { Tensors } from '../lib/runtime/boundary.ts'
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
    .argument('[other]', 'another form of the same network: their layers are matched and set side by side')
    .option('--runs <count>', 'runs that count', count, 10)
    .option('--nodes <count>', 'how many of the costliest nodes to show', count, 15)
    .option('--memory', 'tell the memory too, from a process of its own')
    .option('--no-optimize', "run the graph as it stands, without ONNX Runtime's rewrites")
    .action(async (file: string, other: string | undefined, options: ProfileOptions) => {
      process.exitCode = other === undefined ? await profileModel(file, options) : await profileBoth(file, other, options)
    })
}

/** @returns the exit code: 1 where the model fails; what ran before it did is shown. */
async function profileModel(file: string, options: ProfileOptions): Promise<number> {
  return failing(options, async () => {
    show(await profileOf(file, options), options.nodes)
    if (!options.memory) return
    const found = await memory(file, await feedsOf(file, options), settingsOf(options))
    console.log(`\n${found.byOperator(options.nodes).text}\n\n${found.table()['text/plain']}`)
  })
}

async function profileBoth(first: string, second: string, options: ProfileOptions): Promise<number> {
  return failing(options, async () => console.log(compareProfiles(await profileOf(first, options), await profileOf(second, options)).table()['text/plain']))
}

async function profileOf(file: string, options: ProfileOptions): Promise<Profile> {
  return profiled(file, await feedsOf(file, options), { ...settingsOf(options), runs: options.runs })
}

async function feedsOf(file: string, options: ProfileOptions): Promise<Tensors> {
  const session = await openModel(file, options)
  await session.release()
  return inputsFor(session.inputs, options)
}

const settingsOf = (options: ProfileOptions) => ({ ...sessionOptions(options), ...(!options.optimize && { graphOptimization: 'disabled' as const }) })

async function failing({ nodes }: ProfileOptions, work: () => Promise<void>): Promise<number> {
  try {
    await work()
    return 0
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error
    show(error.profile, nodes)
    console.error(`hone: ${error.message}`)
    return 1
  }
}

function show(found: Profile, nodes: number): void {
  console.log(`${found.byNode(nodes).text}\n\n${found.table()['text/plain']}`)
}
