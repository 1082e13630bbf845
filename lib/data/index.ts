export { greedyDecode } from './ctc.ts'
export { Dataset, type Batch, type Samples } from './dataset.ts'
export { decodePlates, lprnet, PLATE_ALPHABET } from './lprnet.ts'
