import assert from 'node:assert/strict'
import { gradientErrors, type OperatorCase } from './run.ts'
import { checkShapes } from './shapes.ts'

export type CheckedCase = OperatorCase & {
  open?: boolean
  /** Half of the distance of central differences: large where the operator is linear. */
  step?: number
  /** Largest relative L2 distance between the gradient and central differences. */
  tolerance?: number
}

/** An operator's shapes and types against ONNX Runtime's, and its gradient against central differences of ONNX Runtime's results. */
export async function checkOperator({ step = 1e-5, tolerance = 1e-7, ...operator }: CheckedCase): Promise<void> {
  await checkShapes(operator)
  for (const error of await gradientErrors(operator, step))
    assert.ok(error < tolerance, `${operator.type} ${JSON.stringify(operator.attributes ?? {})} of ${operator.inputs.map((t) => `[${t?.shape}]`)}: ${error}`)
}
