// One training step under TensorFlow.js's native library: tfjs-step.js node|gpu. Prints the loss and the seconds of a step; TensorFlow names its device on stderr.
import { tensorflow } from '../../lib/bridge/tfjs.ts'

const BATCH = 256

const tf = tensorflow({ backend: process.argv[2] as 'node' | 'gpu' })
const { layers } = tf
const net = tf.sequential({ layers: [
  layers.conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: 'relu' }), layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
  layers.maxPooling2d({ poolSize: 2 }), layers.flatten(), layers.dense({ units: 128, activation: 'relu' }), layers.dense({ units: 10 }),
] })
const x = tf.randomUniform([BATCH, 28, 28, 1], -1, 1, 'float32', 1)
const target = tf.oneHot(tf.randomUniform([BATCH], 0, 10, 'int32', 2), 10)
const optimizer = tf.train.adam(0.001)
const step = () => tf.tidy(() => optimizer.minimize(() => tf.losses.softmaxCrossEntropy(target, net.apply(x, { training: true }) as typeof x), true)!.dataSync()[0])

step()
const start = performance.now()
const loss = step()
console.log(JSON.stringify({ loss, seconds: (performance.now() - start) / 1000 }))
