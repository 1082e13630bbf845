import { activation } from './activation.ts'
import { convolution } from './convolution.ts'
import { denseLayers } from './dense.ts'
import { embedding } from './embedding.ts'
import type { Reader, Writer } from './family.ts'
import { merge } from './merge.ts'
import { normalization } from './normalization.ts'
import { pooling } from './pooling.ts'
import { recurrent } from './recurrent.ts'
import { shape } from './shape.ts'

const FAMILIES = [denseLayers, convolution, pooling, normalization, activation, recurrent, embedding, merge, shape]

export const readers: Readonly<Record<string, Reader>> = Object.assign({}, ...FAMILIES.map((family) => family.readers))
export const writers: Readonly<Record<string, Writer>> = Object.assign({}, ...FAMILIES.map((family) => family.writers))
