/** Trains with a checkpoint after every third step, tells each step, and can be killed: `node killable.js PATH`. */
import { adam } from '../../../lib/train/optimizer.ts'
import { fit } from '../../../lib/train/trainer.ts'
import { blobs, network, options } from './blobs.ts'

await fit(network(), blobs(64), {
  ...options, epochs: 6, optimizer: adam({ lr: 0.01 }), checkpoint: { path: process.argv[2]!, every: 3, resume: false },
  callbacks: { step: async ({ step }) => {
    process.stdout.write(`${step}\n`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  } },
})
