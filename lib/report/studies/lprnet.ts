import { noChange, number, shown, threshold, TOLERANCE, type Claim, type StudyDefinition } from '../definition.ts'
import { accuracy, accuracyChange, size, sizeRatio, speedup, time } from '../quantity.ts'

const BASE = { accuracy: 89.9, seconds: 0.001, megabytes: 1.89 }
const MARGIN = 1
const MEGABYTE = 1e6
const needs = { data: 'LPRNet plates' }

/** One optimization against the base; the document's figures are plates read right in percent, seconds per sample, and MB of the ONNX file. */
function optimization(title: string, percent: number, seconds: number, megabytes: number): Claim {
  return {
    title,
    needs,
    metrics: {
      accuracy: noChange(accuracyChange, [BASE.accuracy, percent], MARGIN),
      speed: number(speedup, [BASE.seconds, seconds], TOLERANCE.time),
      size: number(sizeRatio, [BASE.megabytes * MEGABYTE, megabytes * MEGABYTE], TOLERANCE.size),
    },
  }
}

/** Licence-plate recognition, each optimization alone and combined. */
export const lprnet: StudyDefinition = {
  title: 'LPRNet: each optimization alone and combined',
  claims: {
    'lpr.base': {
      title: 'original: whole graph unfused, 1 thread, batch 1 for speed',
      needs,
      metrics: {
        accuracy: number(accuracy, [BASE.accuracy], TOLERANCE.accuracy),
        speed: shown(time, BASE.seconds),
        size: number(size, [BASE.megabytes * MEGABYTE], TOLERANCE.size),
      },
    },
    'lpr.prune': optimization('L1 unstructured pruning per layer, amount 0.20', 89.6, 0.00061, 1.5871),
    'lpr.prune.peak': {
      title: 'accuracy at amount 0.20 is above that at 0',
      needs,
      metrics: { accuracy: threshold(accuracyChange, 'above', 0) },
    },
    'lpr.prune.decline': {
      title: 'accuracy at amount 0.5 is below that at 0.20',
      needs,
      metrics: { accuracy: threshold(accuracyChange, 'below', 0) },
    },
    'lpr.quant': optimization('pruning, conv-BN fusion and dynamic int8', 90.0, 0.00059, 1.58),
    'lpr.parvec': optimization('threads, batch 100 and fusion', 89.9, 0.00062, 1.58709),
    'lpr.block': optimization("loop blocking of the global-context pooling, in the document's form", 89.4, 0.0007203, 1.5877),
    'lpr.quant+parvec': optimization('quantization with threads, batch 100 and fusion', 90.0, 0.00059, 1.58),
    'lpr.prune+parvec': optimization('pruning with threads, batch 100 and fusion', 89.9, 0.00062, 1.587),
  },
}
