import { formatShape } from '../../graph/dim.ts'
import { operation, pair, placeOf, requireSizes, type Layer, type Pair } from './layer.ts'

export interface PoolOptions<Size = Pair> {
  /** Distance of the windows (the kernel's size). */
  stride?: Size
  /** On each side (0). */
  padding?: Size
}

function pool(type: string, kernel: readonly number[], strides: readonly number[], padding: readonly number[]): Layer {
  requireSizes(type, { kernelSize: kernel, stride: strides })
  requireSizes(type, { padding }, 0)
  const wide = padding.findIndex((p, i) => 2 * p > kernel[i]!)
  if (wide >= 0) throw new RangeError(`${type}: padding is at most half of the kernel's size ${kernel[wide]}, not ${padding[wide]}`)
  return operation(type, { kernel_shape: kernel, strides, pads: [...padding, ...padding], ...(type === 'AveragePool' && padding.some(Boolean) && { count_include_pad: 1 }) })
}

/** Largest element of each window of x [N, C, L]. */
export const maxPool1d = (kernelSize: number, { stride = kernelSize, padding = 0 }: PoolOptions<number> = {}): Layer => pool('MaxPool', [kernelSize], [stride], [padding])

/** Largest element of each window of x [N, C, H, W]. */
export const maxPool2d = (kernelSize: Pair, { stride = kernelSize, padding = 0 }: PoolOptions = {}): Layer => pool('MaxPool', pair(kernelSize), pair(stride), pair(padding))

/** Mean of each window of x [N, C, H, W]; padding counts as zeros. */
export const avgPool2d = (kernelSize: Pair, { stride = kernelSize, padding = 0 }: PoolOptions = {}): Layer => pool('AveragePool', pair(kernelSize), pair(stride), pair(padding))

/** Mean over all positions: [N, C, ...] to [N, C, 1, ...]. */
export const globalAvgPool = (): Layer => operation('GlobalAveragePool')

/**
 * Means of windows that divide x [N, C, H, W] into `outputSize` parts.
 * @throws Error where the size is not known, or no multiple of `outputSize`.
 */
export function adaptiveAvgPool2d(outputSize: Pair): Layer {
  requireSizes('adaptiveAvgPool2d', { outputSize })
  const out = pair(outputSize)
  if (out[0] === 1 && out[1] === 1) return globalAvgPool()
  return (scope, x) => {
    const size = x.shape?.slice(2) ?? []
    const kernel = out.map((parts, i) => Number(size[i]) / parts)
    if (size.length !== 2 || !kernel.every((k) => Number.isInteger(k) && k > 0))
      throw new Error(`${placeOf(scope)}: windows of one size cannot divide its input ${formatShape(x.shape)} into ${out.join('x')} parts`)
    return kernel.every((k) => k === 1) ? x : pool('AveragePool', kernel, kernel, [0, 0])(scope, x)
  }
}
