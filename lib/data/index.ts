/** Every data set, one a file. */
export { decodePlates, lprnet, plateTargets, PLATE_ALPHABET } from './lprnet.ts'

export { greedyDecode } from './ctc.ts'
export { Dataset, type Batch, type Samples } from './dataset.ts'
