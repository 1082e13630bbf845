// TensorFlow.js's native backend as a contender: node tfjs-node.cjs FOLDER NETWORK train|infer BATCH THREADS, by the line protocol of processContender.
const { createRequire } = require('node:module')
const { createInterface } = require('node:readline')
const [folder, name, mode, batchText, threads] = process.argv.slice(2)
process.env.TF_NUM_INTRAOP_THREADS = process.env.OMP_NUM_THREADS = threads
const tf = createRequire(`${folder}/`)('@tensorflow/tfjs-node')
const batch = Number(batchText)
const { layers } = tf

const conv = (filters, options = {}) => layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', ...options })
const pool = () => layers.maxPooling2d({ poolSize: 2, strides: 2 })

function sequential(inputShape, ...rest) {
  const [first, ...others] = rest
  first.batchInputShape = [null, ...inputShape]
  return tf.sequential({ layers: [first, ...others] })
}

const networks = {
  'vgg11': () => sequential([32, 32, 3], ...[64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'].map((width) => (width === 'M' ? pool() : conv(width))), layers.flatten(), layers.dense({ units: 10 })),
  'mnist-cnn': () => sequential([28, 28, 1], conv(32, { padding: 'valid' }), conv(64, { padding: 'valid' }), pool(), layers.flatten(), layers.dense({ units: 128, activation: 'relu' }), layers.dense({ units: 10 })),
  'resnet18': resnet18,
  'lstm': () => sequential([200], layers.embedding({ inputDim: 121_301, outputDim: 256 }), layers.lstm({ units: 512, returnSequences: true }), layers.lstm({ units: 512 }), layers.dense({ units: 1 })),
}

function resnet18() {
  const normed = (x, filters, strides, kernelSize = 3) => layers.batchNormalization().apply(layers.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: false }).apply(x))
  const relu = (x) => layers.reLU().apply(x)
  const input = tf.input({ shape: [32, 32, 3] })
  let x = relu(normed(input, 64, 1))
  for (const [stage, filters] of [64, 128, 256, 512].entries())
    for (const strides of [stage ? 2 : 1, 1]) {
      const straight = normed(relu(normed(x, filters, strides)), filters, 1)
      x = relu(layers.add().apply([straight, strides === 1 ? x : normed(x, filters, strides, 1)]))
    }
  const pooled = layers.globalAveragePooling2d({}).apply(x)
  return tf.model({ inputs: input, outputs: layers.dense({ units: 10 }).apply(pooled) })
}

if (!(name in networks)) {
  console.log(`error: there is no network "${name}", only ${Object.keys(networks).join(', ')}`)
  process.exit(1)
}
const net = networks[name]()
const isText = name === 'lstm'
const shape = [batch, ...net.inputs[0].shape.slice(1)]
const x = isText ? tf.randomUniform(shape, 0, 10, 'int32', 1) : tf.randomUniform(shape, -1, 1, 'float32', 1)
const target = isText ? tf.randomUniform([batch, 1], 0, 2, 'int32', 2).toFloat() : tf.oneHot(tf.randomUniform([batch], 0, 10, 'int32', 2), 10)
const lossOf = isText ? tf.losses.sigmoidCrossEntropy : tf.losses.softmaxCrossEntropy
const optimizer = isText ? tf.train.sgd(0.01) : name === 'mnist-cnn' ? tf.train.adam(0.001) : tf.train.momentum(0.01, 0.9)

const train = () => tf.tidy(() => optimizer.minimize(() => lossOf(target, net.apply(x, { training: true })), true).dataSync()[0])
const infer = () => tf.tidy(() => net.predict(x, { batchSize: batch }).dataSync()[0])
const work = { train, infer }[mode]

const parameters = net.trainableWeights.reduce((sum, { shape: dims }) => sum + dims.reduce((a, b) => a * b, 1), 0)
console.log(`ready ${JSON.stringify({ threads: Number(threads), parameters })}`)
createInterface({ input: process.stdin }).on('line', (line) => {
  const start = performance.now()
  let result
  for (let i = 0; i < Number(line); i++) result = work()
  console.log(`${(performance.now() - start) / 1000} ${JSON.stringify(result)}`)
})
