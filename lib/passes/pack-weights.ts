import { Builder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { nonzeros } from '../measure/size.ts'
import { pass, type Pass } from './pass.ts'

/** The operator set from which every node that unpacks is as it is written here. */
const OLDEST_OPSET = 13

/** Tensors of fewer elements are left as they are: the nodes that unpack them would take more room. */
const SMALLEST = 512

/**
 * Stores float32 weights in as few bytes as they need: 1 bit each where every channel has one magnitude, 2 bits with zeros among them, a bit mask and the numbers
 * that are not zero where many are. The file says itself how they are unpacked, in ONNX's own operators, which a runtime computes once, when it loads the model: any
 * runtime reads it, and nothing runs faster. Exact. Apply it last; `foldConstants({ limit: Infinity })` unpacks.
 */
export function packWeights(): Pass {
  return pass('pack-weights', {}, (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    for (const value of graph.initializers) {
      const tensor = value.initializer!
      if (tensor.dtype !== 'float32' || tensor.size < SMALLEST || graph.inputs.includes(value) || !value.uses.length) continue
      const forms = [inOneMagnitude(tensor), withMask(tensor)].filter((form) => form !== null).toSorted((a, b) => a.bytes - b.bytes)
      const [best] = forms
      if (!best || best.bytes >= tensor.bytes.length) report.refuse(value, 'its numbers take all their bits')
      else if (opset < OLDEST_OPSET) report.refuse(value, `unpacking needs operator set ${OLDEST_OPSET} or newer, and the graph has ${opset}`)
      else {
        const { name } = value
        const unpacked = best.unpacked(new Builder(graph, `${name}.`), name)
        value.replaceWith(unpacked)
        value.name = graph.unique(`${name}_dense`)
        Object.assign(unpacked, { name, frozen: value.trainable || value.frozen })
        report.change(unpacked, `${best.text}, ${tensor.bytes.length.toLocaleString('en')} bytes in ${best.bytes.toLocaleString('en')}`)
      }
    }
  })
}

interface Form {
  readonly bytes: number
  readonly text: string
  /** Writes the nodes that unpack it. */
  readonly unpacked: (builder: Builder, name: string) => Value
}

/** α·{−1, 1} or α·{−1, 0, 1} with an α for each entry of the first or of the second axis; null where a channel has more than one magnitude. */
function inOneMagnitude(tensor: Tensor): Form | null {
  const data = tensor.toFloat32()
  const axis = [0, 1].find((candidate) => candidate < tensor.shape.length && magnitudes(tensor, candidate))
  if (axis === undefined) return null
  const scales = magnitudes(tensor, axis)!
  const bits = nonzeros(tensor) === tensor.size ? 1 : 2
  const packed = packedBits(data, bits, bits === 1 ? [0, 0, 1] : [0, 1, 2])
  return {
    bytes: packed.length + scales.length * 4,
    text: `${bits} ${bits === 1 ? 'bit' : 'bits'} a weight`,
    unpacked(builder, name) {
      const levels = builder.cast(unpackedBits(builder, packed, bits, tensor, name), 'float32')
      const signs = bits === 1 ? builder.sub(builder.mul(levels, 2), 1) : builder.sub(levels, 1)
      return builder.mul(signs, builder.tensor(Tensor.float32(tensor.shape.map((d, a) => (a === axis ? d : 1)), scales), `${name}_scale`))
    },
  }
}

/** The one magnitude of each entry of an axis, 0 where it has zeros alone; null where an entry has several. */
function magnitudes(tensor: Tensor, axis: number): Float32Array | null {
  const data = tensor.toFloat32()
  const found = new Float32Array(tensor.shape[axis])
  const inner = sizeOf(tensor.shape.slice(axis + 1))
  for (let at = 0; at < data.length; )
    for (let entry = 0; entry < found.length; entry++)
      for (const end = at + inner; at < end; at++) {
        const magnitude = Math.abs(data[at])
        if (!magnitude || found[entry] === magnitude) continue
        if (found[entry] || !Number.isFinite(magnitude)) return null
        found[entry] = magnitude
      }
  return found
}

/** A bit for each number that says whether it is zero, and the others. */
function withMask(tensor: Tensor): Form {
  const count = nonzeros(tensor)
  return {
    bytes: Math.ceil(tensor.size / 8) + count * 4,
    text: `a bit mask and ${count.toLocaleString('en')} numbers`,
    unpacked(builder, name) {
      const data = tensor.toFloat32()
      const packed = packedBits(data, 1, [1, 0, 1])
      const kept = new Float32Array(count + 1)
      for (let i = 0, at = 0; i < data.length; i++) {
        kept[at] = data[i]
        at += Number(data[i] !== 0)
      }
      kept[count] = 0
      const mask = unpackedBits(builder, packed, 1, { shape: [tensor.size], size: tensor.size }, name)
      const place = builder.sub(builder.op('CumSum', [builder.cast(mask, 'int32'), builder.tensor(Tensor.scalar('int32', 0))]), 1)
      const numbers = builder.gather(builder.tensor(Tensor.float32([kept.length], kept), `${name}_numbers`), builder.op('Max', [place, builder.scalar(0, 'int32')]))
      return builder.reshape(builder.mul(numbers, builder.cast(mask, 'float32')), tensor.shape)
    },
  }
}

/** Numbers as codes of 1 or 2 bits, one for what is below 0 (or NaN), for 0, and for what is above; the first in the lowest bits of the first byte. */
function packedBits(data: Float32Array, bits: 1 | 2, codes: readonly [below: number, zero: number, above: number]): Uint8Array {
  const perByte = 8 / bits
  const bytes = new Uint8Array(Math.ceil(data.length / perByte))
  for (let at = 0, i = 0; at < bytes.length; at++) {
    let byte = 0
    for (let shift = 0; shift < 8 && i < data.length; shift += bits, i++) byte |= codes[Number(data[i] >= 0) + Number(data[i] > 0)] << shift
    bytes[at] = byte
  }
  return bytes
}

/** Nodes that make the codes of packed bytes, in the tensor's shape. */
function unpackedBits(builder: Builder, packed: Uint8Array, bits: 1 | 2, { shape, size }: Pick<Tensor, 'shape' | 'size'>, name: string): Value {
  const perByte = 8 / bits
  const bytes = builder.tensor(Tensor.of('uint8', [packed.length, 1], packed), `${name}_bits`)
  const shifts = builder.tensor(Tensor.of('uint8', [perByte], Array.from({ length: perByte }, (_, i) => i * bits)))
  const shifted = builder.op('BitShift', [bytes, shifts], { direction: 'RIGHT' })
  const codes = builder.op('Mod', [shifted, builder.tensor(Tensor.scalar('uint8', 2 ** bits))])
  const flat = builder.slice(builder.reshape(codes, [-1]), [0], [size], [0])
  return builder.reshape(flat, shape)
}
