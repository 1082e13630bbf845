export { fromDataFrame, toDataFrame } from './danfo.ts'
export { fromTf, tensorflow, toTf } from './tfjs.ts'
