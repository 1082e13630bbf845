import { type Picture, blank } from './picture.ts'

/** The source pixels that make one pixel of the result: from the first one on, their weights. */
interface Window {
  readonly first: number
  readonly weights: readonly number[]
}

/** The picture stretched to another size: bilinear, and averaged where it shrinks, as PIL and torchvision (`antialias`) do it. */
export function resized(picture: Picture, height: number, width: number): Picture {
  if (picture.height === height && picture.width === width) return picture
  return alongRows(alongColumns(picture, height), width)
}

function alongColumns(picture: Picture, height: number): Picture {
  const { channels, width } = picture
  const result = blank(picture, channels, height, width)
  const windows = triangles(picture.height, height)
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        result.pixels[(c * height + y) * width + x] = weighted(picture, windows[y], c * picture.height * width + x, width)
  return result
}

function alongRows(picture: Picture, width: number): Picture {
  const { channels, height } = picture
  const result = blank(picture, channels, height, width)
  const windows = triangles(picture.width, width)
  for (let row = 0; row < channels * height; row++)
    for (let x = 0; x < width; x++) result.pixels[row * width + x] = weighted(picture, windows[x], row * picture.width, 1)
  return result
}

function weighted({ pixels }: Picture, { first, weights }: Window, start: number, stride: number): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[start + (first + i) * stride]
  return pixels instanceof Uint8Array ? Math.round(sum) : sum
}

/** A triangle round each place, as wide as the step between two places of the result, and never narrower than two pixels. */
function triangles(from: number, to: number): Window[] {
  const scale = from / to
  const reach = Math.max(scale, 1)
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale
    const first = Math.max(0, Math.round(centre - reach))
    const last = Math.min(from, Math.round(centre + reach))
    const heights = Array.from({ length: last - first }, (_, i) => Math.max(0, 1 - Math.abs((first + i + 0.5 - centre) / reach)))
    const total = heights.reduce((sum, height) => sum + height, 0)
    return { first, weights: heights.map((height) => height / total) }
  })
}
