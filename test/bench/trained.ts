import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { data, fit, Model, nn, train } from '../../lib/index.ts'
import type { Dataset } from '../../lib/data/dataset.ts'

const FOLDER = path.resolve(import.meta.dirname, '..', '..', '..', '.cache', 'bench')

/** Pictures that a network is trained with, and passes. */
const TRAINING = { pictures: 4000, epochs: 2, batchSize: 50, seed: 1 }

const NETWORKS = { vgg11: nn.models.vgg11, resnet18: nn.models.resnet18 }

/** Handwritten digits in the form of CIFAR's pictures: real data on which the networks are right nearly always after a minute or five of training. */
async function digits(part: 'train' | 'test'): Promise<Dataset<number>> {
  const { resize, toColour, toFloat } = data
  return (await data.mnist({ train: part === 'train' })).withTransforms([resize({ height: 32, width: 32 }), toColour(), toFloat()])
}

/** A network that has learned digits, and 2,000 digits that it has not seen. It is trained the first time, and kept in `.cache/bench`. */
export async function trained(name: keyof typeof NETWORKS): Promise<{ readonly model: Model; readonly learned: Dataset<number>; readonly unseen: Dataset<number> }> {
  const { pictures, ...settings } = TRAINING
  const learned = (await digits('train')).take(pictures)
  const file = path.join(FOLDER, `${name}-digits-${pictures}x${settings.epochs}.onnx`)
  if (!existsSync(file)) {
    mkdirSync(FOLDER, { recursive: true })
    const network = NETWORKS[name]({ seed: settings.seed })
    const { model } = await fit(network, learned, { ...settings, optimizer: train.adam({ lr: 5e-4 }), schedule: train.oneCycle(), device: 'cpu' })
    model.write(file)
  }
  return { model: Model.read(file), learned, unseen: (await digits('test')).take(2000) }
}
