import { build, type BuildOptions } from '../build.ts'
import { linear, relu, sequential } from '../layers.ts'
import type { Model } from '../model.ts'

/** The lecture's dense model, 3 to 5, 8, 10, 15 and 4 features, those to 8 and 10 frozen: 387 parameters, of which 249 are trained. */
export function dense(options: Pick<BuildOptions, 'seed' | 'weights'> = {}): Model {
  const layers = sequential({
    dense1: linear(3, 5), relu1: relu(),
    dense2: linear(5, 8), relu2: relu(),
    dense3: linear(8, 10), relu3: relu(),
    dense4: linear(10, 15), relu4: relu(),
    dense5: linear(15, 4),
  })
  return build(layers, { x: ['N', 3] }, { name: 'dense', output: 'logits', ...options }).freeze(/^dense[23]\./)
}
