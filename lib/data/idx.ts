import { Tensor } from '../graph/tensor.ts'
import { readGzip } from './gzip.ts'

const UNSIGNED_BYTE = 8

/** A gzipped idx file of bytes, as MNIST comes: http://yann.lecun.com/exdb/mnist/ @throws Error naming the file where it is missing or damaged, and the byte. */
export function readIdx(path: string): Tensor {
  const bytes = readGzip(path)
  const rank = bytes[3]
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0 || bytes[2] !== UNSIGNED_BYTE || rank === 0 || bytes.length < 4 + 4 * rank)
    throw new Error(`${path} is not an idx file of bytes: it begins with ${bytes.subarray(0, 4).toString('hex') || 'nothing'} at byte 0. Fetch it again.`)
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis))
  const data = bytes.subarray(4 + 4 * rank)
  const expected = shape.reduce((product, d) => product * d, 1)
  if (data.length !== expected)
    throw new Error(`${path} is damaged: from byte ${4 + 4 * rank} on it has ${data.length.toLocaleString('en')} bytes, and its shape [${shape}] takes ${expected.toLocaleString('en')}. Fetch it again.`)
  return Tensor.raw('uint8', shape, data)
}
