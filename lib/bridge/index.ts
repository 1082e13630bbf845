export { fromDataFrame, toDataFrame } from '../data-frame.ts'
export { fromTf, tensorflow, toTf } from './tfjs.ts'
