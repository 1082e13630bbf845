/** A varint of protobuf. https://protobuf.dev/programming-guides/encoding/ */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}
const number = (field: number, value: number) => [...varint(field << 3), ...varint(value)]
const bytes = (field: number, content: number[]) => [...varint((field << 3) | 2), ...varint(content.length), ...content]
const text = (field: number, value: string) => bytes(field, [...Buffer.from(value)])

function matrix(field: number, name: string, size: number): number[] {
  const dimension = bytes(1, number(1, size))
  const type = bytes(1, [...number(1, 1), ...bytes(2, [...dimension, ...dimension])])
  return bytes(field, [...text(1, name), ...bytes(2, type)])
}

/** An ONNX file: y = x · x, of square matrices. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export function squareModel(size: number): Uint8Array {
  const node = bytes(1, [...text(1, 'x'), ...text(1, 'x'), ...text(2, 'y'), ...text(4, 'MatMul')])
  const graph = bytes(7, [...node, ...text(2, 'square'), ...matrix(11, 'x', size), ...matrix(12, 'y', size)])
  return Uint8Array.from([...number(1, 8), ...graph, ...bytes(8, number(2, 17))])
}
