export { gradients } from './gradient.ts'
export { crossEntropy, ctc, meanSquaredError, type Loss } from './loss.ts'
export { adam, sgd, type Optimizer } from './optimizer.ts'
export { initialState, repeated, trainingStep, type StepOptions } from './step.ts'
