import { build, type BuildOptions } from '../build.ts'
import { embedding, linear, lstm } from '../layers.ts'
import type { Model } from '../model.ts'

export interface LstmSentimentOptions extends Pick<BuildOptions, 'seed' | 'weights'> {
  /** Entries of the vocabulary (121,301). */
  vocabulary?: number
  /** Tokens of a review (200). */
  length?: number
  embeddingSize?: number
  hiddenSize?: number
  numLayers?: number
  /** Share of the first layer's outputs that training drops (0). */
  dropout?: number
}

/**
 * Whether a review is positive: tokens [N, T] (int64) through an embedding, two LSTM layers and a linear one on the last state, to logits [N]; their
 * sigmoid is the probability. 34,731,777 parameters.
 */
export function lstmSentiment(options: LstmSentimentOptions = {}): Model {
  const { vocabulary = 121_301, length = 200, embeddingSize = 256, hiddenSize = 512, numLayers = 2, dropout = 0, ...settings } = options
  return build((net, tokens) => {
    const steps = net.builder.transpose(tokens, [1, 0])
    const words = embedding(vocabulary, embeddingSize)(net.child('embedding'), steps)
    const state = lstm(embeddingSize, hiddenSize, { numLayers, dropout, output: 'last' })(net.child('lstm'), words)
    const logit = linear(hiddenSize, 1)(net.child('fc'), state)
    return net.builder.op('Squeeze', [logit, net.builder.int64([1])])
  }, { tokens: { dtype: 'int64', shape: ['N', length] } }, { name: 'lstm_sentiment', output: 'logits', ...settings })
}
