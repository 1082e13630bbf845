import type { Command } from 'commander'
import { load as underLoad } from '../lib/measure/load.ts'
import { replicas } from '../lib/measure/replicas.ts'
import { count, inputsFor, openModel, positive, sessionOptions, withModelOptions, type ModelOptions } from './measure-options.ts'

interface LoadOptions extends ModelOptions {
  readonly clients?: readonly number[]
  readonly rates?: readonly number[]
  readonly replicas: number
  readonly seconds: number
}

export function load(program: Command): void {
  withModelOptions(program.command('load'))
    .description('say how latency and throughput of an ONNX model change under load')
    .argument('<model>', 'an ONNX file; it is fed random numbers')
    .option('--clients <counts>', 'closed loop: so many clients that ask again as soon as they are answered, such as 1,2,4', listOf(count))
    .option('--rates <rates>', 'open loop: so many requests a second, answered or not, such as 10,100', listOf(positive))
    .option('--replicas <count>', 'sessions that answer, each in a thread of its own', count, 1)
    .option('--seconds <seconds>', 'how long each level lasts', positive, 3)
    .action(async (file: string, options: LoadOptions) => {
      const session = await openModel(file, options)
      const feeds = inputsFor(session.inputs, options)
      await session.release()
      const served = await replicas(file, feeds, { ...sessionOptions(options), count: options.replicas })
      try {
        const { clients, rates, seconds, batch: perCall } = options
        console.log((await underLoad(served.run, { clients, rates, seconds, perCall })).table()['text/plain'])
      } finally {
        await served.close()
      }
    })
}

const listOf = (one: (text: string) => number) => (text: string) => text.split(',').map(one)
