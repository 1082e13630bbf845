import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { AttributeProto_AttributeType, ModelProtoSchema, type GraphProtoSchema } from '../../../lib/graph/onnx_pb.ts'
import { DATA_TYPES, type DataType } from '../../../lib/graph/tensor.ts'

type GraphInit = MessageInitShape<typeof GraphProtoSchema>

/** The bytes of an ONNX file, valid or not. */
export function encoded(graph: GraphInit): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, opsetImport: [{ version: 21n }], graph: { name: 'test', ...graph } }))
}

/** An input or output; a string is a symbolic dimension. */
export function port(name: string, dtype: DataType, shape?: readonly (number | string)[]) {
  const dim = shape?.map((d) => ({ value: typeof d === 'string' ? { case: 'dimParam' as const, value: d } : { case: 'dimValue' as const, value: BigInt(d) } }))
  return { name, type: { value: { case: 'tensorType' as const, value: { elemType: DATA_TYPES.indexOf(dtype), shape: dim && { dim } } } } }
}

/** A weight of ones. */
export function ones(name: string, dims: readonly number[]) {
  const count = dims.reduce((product, d) => product * d, 1)
  return { name, dims: dims.map(BigInt), dataType: 1, rawData: new Uint8Array(Float32Array.from({ length: count }, () => 1).buffer) }
}

/** y = x + x, whatever the type. */
export function doubling(dtype: DataType, shape?: readonly (number | string)[]): Uint8Array {
  return encoded({ node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }], input: [port('x', dtype, shape)], output: [port('y', dtype, shape)] })
}

/** y = x as it is. */
export function identity(dtype: DataType, shape?: readonly (number | string)[]): Uint8Array {
  return encoded({ node: [{ opType: 'Identity', input: ['x'], output: ['y'] }], input: [port('x', dtype, shape)], output: [port('y', dtype, shape)] })
}

/** y = cast(x). */
export function cast(to: DataType): Uint8Array {
  const attribute = { name: 'to', type: AttributeProto_AttributeType.INT, i: BigInt(DATA_TYPES.indexOf(to)) }
  return encoded({ node: [{ opType: 'Cast', input: ['x'], output: ['y'], attribute: [attribute] }], input: [port('x', 'float32', [3])], output: [port('y', to, [3])] })
}

/** Some work: y = relu(x w) w, with w of ones. */
export function twoLayers(width: number): Uint8Array {
  return encoded({
    node: [
      { name: 'first', opType: 'MatMul', input: ['x', 'w'], output: ['h'] },
      { name: 'act', opType: 'Relu', input: ['h'], output: ['a'] },
      { name: 'second', opType: 'MatMul', input: ['a', 'w'], output: ['y'] },
    ],
    initializer: [ones('w', [width, width])],
    input: [port('x', 'float32', ['N', width])],
    output: [port('y', 'float32', ['N', width])],
  })
}
