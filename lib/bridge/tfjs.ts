// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as TensorFlow from '@tensorflow/tfjs'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { optional } from '../optional.ts'

/** Packages that hold TensorFlow.js, by where it computes. */
const PACKAGES = { cpu: '@tensorflow/tfjs', node: '@tensorflow/tfjs-node', gpu: '@tensorflow/tfjs-node-gpu' } as const
const INSTALL = { cpu: '', node: 'hone tfjs install', gpu: 'hone tfjs install --gpu' } as const

export interface TensorFlowOptions {
  /** `cpu` is plain JavaScript, `node` TensorFlow's native library, `gpu` the same for CUDA (cpu). The one loaded last computes. */
  readonly backend?: keyof typeof PACKAGES
}

/** TensorFlow.js itself, without its advice on stderr. https://js.tensorflow.org/api/latest @throws Error where its package is not installed. */
export function tensorflow({ backend = 'cpu' }: TensorFlowOptions = {}): typeof TensorFlow {
  if (backend !== 'cpu') return native(backend)
  const tf = optional<typeof TensorFlow>(PACKAGES.cpu)
  tf.enableProdMode()
  return tf
}

/** Under the native package's name plain TensorFlow.js may stand, which npm puts there for danfojs-node: its backend tells. */
function native(backend: 'node' | 'gpu'): typeof TensorFlow {
  const absent = (cause?: unknown) => new Error(`${PACKAGES[backend]} is not installed: hone works without it, but not this part. Run \`${INSTALL[backend]}\`.`, { cause })
  let tf: typeof TensorFlow
  try {
    tf = optional<typeof TensorFlow>(PACKAGES[backend])
  } catch (error) {
    throw absent(error)
  }
  if (tf.findBackend('tensorflow') === null) throw absent()
  tf.setBackend('tensorflow')
  tf.enableProdMode()
  return tf
}

/** TensorFlow.js knows few element types: each of ours becomes the narrowest that holds its values. */
const TO_TENSORFLOW: Partial<Record<DataType, TensorFlow.DataType>> = {
  float32: 'float32', float16: 'float32', bfloat16: 'float32', bool: 'bool', string: 'string',
  int8: 'int32', uint8: 'int32', int16: 'int32', uint16: 'int32', int32: 'int32',
}

/**
 * The same tensor in TensorFlow.js: 16-bit floats become float32, narrower integers int32.
 * @throws Error where TensorFlow.js is not installed. @throws TypeError where it has no type that holds every value exactly.
 */
export function toTf(tensor: Tensor): TensorFlow.Tensor {
  const dtype = TO_TENSORFLOW[tensor.dtype]
  if (!dtype) throw new TypeError(`TensorFlow.js has no type that holds ${tensor.dtype} exactly. Convert the tensor to float32 or int32 before.`)
  return tensorflow().tensor(elementsFor(dtype, tensor), [...tensor.shape], dtype)
}

/** The same tensor from TensorFlow.js; its memory is shared where the backend keeps it in JavaScript. @throws TypeError where it is complex. */
export async function fromTf(tensor: TensorFlow.Tensor): Promise<Tensor> {
  if (tensor.dtype === 'complex64') throw new TypeError('a complex tensor has no counterpart here: convert its tf.real and tf.imag')
  return Tensor.of(tensor.dtype as DataType, tensor.shape, (await tensor.data()) as Float32Array)
}

function elementsFor(dtype: TensorFlow.DataType, tensor: Tensor): TensorFlow.TensorLike {
  switch (dtype) {
    case 'float32': return tensor.toFloat32()
    case 'int32': return Int32Array.from(tensor.data as Int32Array)
    case 'string': return [...tensor.strings]
    default: return tensor.data as Uint8Array
  }
}
