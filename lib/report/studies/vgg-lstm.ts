import { best, count, noChange, number, threshold, TOLERANCE, type StudyDefinition } from '../definition.ts'
import { accuracyChange, exactShare, quantityOf, share, sizeRatio, speedup, timeRatio } from '../quantity.ts'
import { falls, fastest, growth, shrinkingGains } from '../settings.ts'

/** Settings of the sweeps; samples come in these orders. */
export const WORKERS = [0, 1, 2, 4, 8] as const
export const BATCH_SIZES = [16, 32, 64, 128, 256, 512] as const

const MINUTE = 60
const MEGABYTE = 1e6
/** Ratios near 1: 4 % and 3 % faster, give or take 2 points. */
const NEAR = 0.02
const pictures = { data: 'CIFAR-10' }
const reviews = { data: 'IMDB' }

/** VGG-11 on CIFAR-10 and an LSTM on IMDB: loading, quantization, scripting, batching, pruning. */
export const vggLstm: StudyDefinition = {
  title: 'VGG-11 on CIFAR-10 and an LSTM on IMDB',
  claims: {
    'vgg.workers.gpu': {
      title: 'training time on a GPU, 0 workers against 4',
      needs: { gpu: true, ...pictures },
      metrics: { time: number(speedup, [127.16, 49.18], TOLERANCE.time) },
    },
    'vgg.workers.cpu': {
      title: 'training time on the CPU, 0 workers against 4',
      needs: pictures,
      metrics: { time: number(speedup, [27 * MINUTE, 26 * MINUTE], NEAR) },
    },
    'vgg.workers.best': {
      title: 'the best number of workers: faster than every other',
      needs: { ...pictures, cores: 4 },
      metrics: { workers: best(fastest(WORKERS), 4) },
    },
    'vgg.workers.loading': {
      title: 'time waiting for data, 4 workers by 0, from the profiler',
      needs: pictures,
      metrics: { waiting: threshold(timeRatio, 'below', 1) },
    },
    'vgg.int8.size': {
      title: 'file of the int8 network by that of the float32 one',
      metrics: { size: number(sizeRatio, [37 * MEGABYTE, 9 * MEGABYTE], TOLERANCE.size) },
    },
    'vgg.int8.accuracy': {
      title: 'test accuracy of int8 minus float32',
      needs: pictures,
      metrics: { accuracy: number(accuracyChange, 0.3, TOLERANCE.accuracy) },
    },
    'vgg.script.cpu': {
      title: 'the optimized graph against operator by operator, and against itself with optimizations off: inference on the CPU',
      metrics: { 'operator by operator': number(speedup, 1.03, NEAR), 'optimizations off': number(speedup, 1.03, NEAR) },
    },
    'vgg.script.gpu': {
      title: 'the optimized graph against operator by operator on a GPU, where single operators leave their tensors on the device',
      needs: { gpu: true, devices: ['webgpu'] },
      metrics: { 'operator by operator': number(speedup, 2.3, TOLERANCE.time) },
    },
    'vgg.script.portable': {
      title: 'numbers that differ when a plain program runs the saved graph',
      metrics: { differences: count(quantityOf, 0) },
    },
    'lstm.bottleneck': {
      title: "memory is the main bottleneck: the embedding's share of the parameters (the document: 89 %), the memory-bound share of the step",
      metrics: { parameters: threshold(exactShare, 'above', 50), step: threshold(share, 'above', 50) },
    },
    'lstm.workers': {
      title: 'epoch time grows with each worker, and falls nowhere significantly',
      needs: reviews,
      metrics: { growth: threshold(growth(WORKERS), 'above', 1), falls: count(falls(WORKERS), 0) },
    },
    'lstm.workers.best': {
      title: 'the best number of workers: faster than every other',
      needs: reviews,
      metrics: { workers: best(fastest(WORKERS), 0) },
    },
    'lstm.batch': {
      title: 'the best batch size; epoch time at 64 against the best; the gain from 64 to 128 by that from 128 to 256',
      needs: reviews,
      metrics: { size: best(fastest(BATCH_SIZES), 128), time: number(speedup, 1.3, TOLERANCE.time), beyond: threshold(shrinkingGains, 'above', 1) },
    },
    'lstm.prune.params': {
      title: 'parameters that stay: under masks of 90 % of the columns, and with units really removed',
      metrics: { masked: count(quantityOf, 3_528_662), removed: count(quantityOf, 3_191_210) },
    },
    'lstm.prune.accuracy': {
      title: 'test accuracy, masked minus dense after equal epochs',
      needs: { ...reviews, profiles: ['standard', 'full'] }, // after some steps both only guess, and two that guess are equally right
      metrics: { accuracy: noChange(accuracyChange, 0, 2) },
    },
    'lstm.prune.time': {
      title: 'epoch (training and evaluation) of the dense network against the one whose units were removed',
      needs: reviews,
      metrics: { time: threshold(speedup, 'above', 2) },
    },
    'lstm.prune.memory': {
      title: 'peak memory of training, units removed by dense',
      metrics: { memory: threshold(sizeRatio, 'below', 1) },
    },
  },
}
