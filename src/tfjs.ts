import type { Command } from 'commander'
import { buildFolder, installTensorflow, tensorflowState } from './addons/tensorflow.ts'

export function tfjs(program: Command): void {
  const group = program.command('tfjs').description("make TensorFlow.js's native library usable")
  group
    .command('install')
    .description("build TensorFlow.js's addon on TensorFlow 2.21, so that notebooks can import @tensorflow/tfjs-node (1.2 GB; Linux on x64)")
    .option('--gpu', '@tensorflow/tfjs-node-gpu instead, on CUDA 12 (8 GB)')
    .action(async ({ gpu = false }: { gpu?: boolean }) => {
      const backend = gpu ? 'gpu' : 'cpu'
      const before = tensorflowState(backend)
      await installTensorflow(backend)
      const what = { absent: 'built and linked', built: 'linked; it was built before', linked: 'there already' }[before]
      console.log(`@tensorflow/tfjs-node${gpu ? '-gpu' : ''} is ${what}: import it in a notebook or a program that uses hone. It lies in ${buildFolder(backend)}.`)
    })
}
