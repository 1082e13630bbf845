/** Every optimization, one technique a file. */
export { blockPooling, type BlockPoolingOptions } from './block-pooling.ts'
export { foldBatchNorm } from './fold-batch-norm.ts'
export { foldConstants, type FoldConstantsOptions } from './fold-constants.ts'
export { fuseActivation, type FuseActivationOptions } from './fuse-activation.ts'
export { meanPerSample, type MeanPerSampleOptions } from './mean-per-sample.ts'
export { pruneL1, type PruneOptions } from './prune-l1.ts'
export { removeIdentities } from './remove-identities.ts'

export { compare, type Comparison } from './compare.ts'
export { difference, type Difference } from './difference.ts'
export { pass, pipeline, type Change, type Pass, type PassResult, type Refusal, type Report, type Rewriting } from './pass.ts'
