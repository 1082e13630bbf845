import type { Random } from '../random.ts'
import { requireNumber, told } from '../require.ts'
import { blank, type Picture } from './picture.ts'
import { resized } from './resize.ts'

/** 8-bit pixels to float32 from 0 to 1. */
export interface ToFloat { readonly kind: 'toFloat' }

/** A grey picture with three equal channels. */
export interface ToColour { readonly kind: 'toColour' }

/** (x - mean) / std, channel by channel; 8-bit pixels count from 0 to 1 before. */
export interface Normalize { readonly kind: 'normalize'; readonly mean: readonly number[]; readonly std: readonly number[] }

/** A window at a random place of the picture with a black border round it. */
export interface RandomCrop { readonly kind: 'randomCrop'; readonly padding: number; readonly height?: number; readonly width?: number }

/** Left to right, or not. */
export interface RandomFlip { readonly kind: 'randomFlip'; readonly p: number }

/** Stretched to a size. */
export interface Resize { readonly kind: 'resize'; readonly height: number; readonly width: number }

/** A random rectangle made black, or 0 (Zhong et al. 2017, "Random erasing data augmentation"). */
export interface RandomErase {
  readonly kind: 'randomErase'
  /** How often. */
  readonly p: number
  /** Smallest and largest share of the picture. */
  readonly scale: readonly [number, number]
  /** Smallest and largest height for a width of 1. */
  readonly ratio: readonly [number, number]
}

/** Each sample blended with another one of its batch (Zhang et al. 2018, "mixup"): see `Batch.mixed`. */
export interface Mixup { readonly kind: 'mixup'; readonly alpha: number }

/** A step between a stored picture and a model's input. Plain data: worker threads get it by message, and a run's record can keep it. */
export type PictureTransform = ToFloat | ToColour | Normalize | RandomCrop | RandomFlip | Resize | RandomErase
export type Transform = PictureTransform | Mixup

/** Pixels to float32 from 0 to 1. */
export const toFloat = (): ToFloat => ({ kind: 'toFloat' })

/** Grey pictures, with three equal channels, for networks that read colours. */
export const toColour = (): ToColour => ({ kind: 'toColour' })

/** (x - mean) / std with a number per channel, or one for all; 8-bit pixels count from 0 to 1 before. @throws RangeError where a std is not above 0. */
export function normalize({ mean, std }: { mean: number | readonly number[]; std: number | readonly number[] }): Normalize {
  const list = (value: number | readonly number[]) => (typeof value === 'number' ? [value] : value)
  if (!list(std).every((value) => value > 0)) throw new RangeError(`normalize: a standard deviation is above 0, not ${list(std)}`)
  return { kind: 'normalize', mean: list(mean), std: list(std) }
}

/** A random window of the picture, as large as it is or as given, with `padding` black pixels round it before. @throws RangeError where a size is not a whole number. */
export function randomCrop({ padding = 0, height, width }: { padding?: number; height?: number; width?: number } = {}): RandomCrop {
  if (![padding, height ?? 1, width ?? 1].every((size) => Number.isInteger(size) && size >= 0))
    throw new RangeError(`randomCrop: sizes are whole numbers of pixels, not padding ${padding}, ${height} x ${width}`)
  return { kind: 'randomCrop', padding, height, width }
}

/** Mirrored left to right with the probability `p` (0.5). @throws RangeError where that is none. */
export function randomFlip({ p = 0.5 } = {}): RandomFlip {
  requireNumber('randomFlip: p', p, { from: 0, to: 1 })
  return { kind: 'randomFlip', p }
}

/** Stretched to a size: bilinear, averaged where it shrinks. @throws RangeError where a side is not a whole number from 1 on. */
export function resize({ height, width }: { height: number; width: number }): Resize {
  if (![height, width].every((side) => Number.isInteger(side) && side >= 1)) throw new RangeError(`resize: sides are whole numbers from 1 on, not ${height} x ${width}`)
  return { kind: 'resize', height, width }
}

/** A random rectangle made 0 with the probability `p` (0.5): `scale` its share of the picture, `ratio` its height for a width of 1. @throws RangeError where one is none such. */
export function randomErase({ p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3] }: Partial<Omit<RandomErase, 'kind'>> = {}): RandomErase {
  requireNumber('randomErase: p', p, { from: 0, to: 1 })
  if (!(scale[0] >= 0 && scale[0] <= scale[1] && scale[1] <= 1)) throw new RangeError(`randomErase: scale is the smallest and the largest share of the picture, from 0 to 1, not ${scale}`)
  if (!(ratio[0] > 0 && ratio[0] <= ratio[1])) throw new RangeError(`randomErase: ratio is the smallest and the largest height for a width of 1, above 0, not ${ratio}`)
  return { kind: 'randomErase', p, scale, ratio }
}

/** Each sample blended with another of its batch, by a share drawn from Beta(alpha, alpha). @throws RangeError where alpha is not above 0 and at most 1. */
export function mixup({ alpha = 0.2 } = {}): Mixup {
  if (!(alpha > 0 && alpha <= 1)) throw new RangeError(`mixup: alpha is above 0 and at most 1, not ${alpha}`)
  return { kind: 'mixup', alpha }
}

/** The picture after all transforms, in turn. */
export function transformed(picture: Picture, transforms: readonly PictureTransform[], random: Random): Picture {
  return transforms.reduce((before, transform) => apply(transform, before, random), picture)
}

function apply(transform: PictureTransform, picture: Picture, random: Random): Picture {
  switch (transform.kind) {
    case 'toFloat': return normalized(picture, [0], [1])
    case 'toColour': return coloured(picture)
    case 'normalize': return normalized(picture, transform.mean, transform.std)
    case 'randomCrop': return cropped(picture, transform, random)
    case 'randomFlip': return random.next() < transform.p ? mirrored(picture) : picture
    case 'resize': return resized(picture, transform.height, transform.width)
    case 'randomErase': return random.next() < transform.p ? erased(picture, transform, random) : picture
    default: throw new TypeError(`a transform is one of hone's, such as data.randomFlip(), not ${told(transform)}`)
  }
}

function coloured({ channels, height, width, pixels }: Picture): Picture {
  if (channels !== 1) throw new RangeError(`toColour takes grey pictures, and this one has ${channels} channels`)
  const colours = blank({ channels, height, width, pixels }, 3, height, width)
  for (let c = 0; c < 3; c++) colours.pixels.set(pixels, c * pixels.length)
  return colours
}

function normalized(picture: Picture, mean: readonly number[], std: readonly number[]): Picture {
  const { channels, height, width, pixels } = picture
  if (![1, channels].includes(mean.length) || ![1, channels].includes(std.length))
    throw new RangeError(`normalize has ${mean.length} means and ${std.length} standard deviations for ${channels} channels`)
  const unit = pixels instanceof Uint8Array ? 255 : 1
  const area = height * width
  const result = new Float32Array(pixels.length)
  for (let c = 0; c < channels; c++) {
    const factor = 1 / (unit * std[c % std.length])
    const shift = mean[c % mean.length] / std[c % std.length]
    for (let at = c * area; at < (c + 1) * area; at++) result[at] = pixels[at] * factor - shift
  }
  return { channels, height, width, pixels: result }
}

function cropped(picture: Picture, { padding, height = picture.height, width = picture.width }: RandomCrop, random: Random): Picture {
  const [spareRows, spareColumns] = [picture.height + 2 * padding - height, picture.width + 2 * padding - width]
  if (spareRows < 0 || spareColumns < 0)
    throw new RangeError(`randomCrop to ${height} x ${width} is larger than the picture, ${picture.height} x ${picture.width} and ${padding} pixels on each side`)
  const top = random.below(spareRows + 1) - padding
  const left = random.below(spareColumns + 1) - padding
  const result = blank(picture, picture.channels, height, width)
  const [from, to] = [Math.max(0, left), Math.min(picture.width, left + width)]
  for (let c = 0; c < picture.channels; c++)
    for (let y = Math.max(0, top); y < Math.min(picture.height, top + height); y++) {
      const row = (c * picture.height + y) * picture.width
      if (from < to) result.pixels.set(picture.pixels.subarray(row + from, row + to), (c * height + y - top) * width + from - left)
    }
  return result
}

function mirrored(picture: Picture): Picture {
  const { channels, height, width } = picture
  const pixels = picture.pixels.slice()
  for (let row = 0; row < channels * height; row++) pixels.subarray(row * width, (row + 1) * width).reverse()
  return { ...picture, pixels }
}

function erased(picture: Picture, { scale, ratio }: RandomErase, random: Random): Picture {
  const share = scale[0] + random.next() * (scale[1] - scale[0])
  const tall = Math.exp(Math.log(ratio[0]) + random.next() * Math.log(ratio[1] / ratio[0]))
  const pixels = share * picture.height * picture.width
  const height = Math.min(picture.height, Math.round(Math.sqrt(pixels * tall)))
  const width = Math.min(picture.width, Math.round(Math.sqrt(pixels / tall)))
  const top = random.below(picture.height - height + 1)
  const left = random.below(picture.width - width + 1)
  const result = picture.pixels.slice()
  for (let c = 0; c < picture.channels; c++)
    for (let y = top; y < top + height; y++) {
      const row = (c * picture.height + y) * picture.width
      result.fill(0, row + left, row + left + width)
    }
  return { ...picture, pixels: result }
}
