export { fromDataFrame, toDataFrame } from '../data-frame.ts'
export { fromLayers, type FromLayersOptions } from './from-layers.ts'
export { fromTf, tensorflow, toTf } from './tfjs.ts'
export { toLayers } from './to-layers.ts'
