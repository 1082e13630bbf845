/**
 * What a call made, under the words of that call, by which a checkpoint knows it again, and with what else it can say:
 * `called<Clip>('clipNorm(1)', (graph, gradients) => ...)`.
 */
export const called = <Made extends object>(words: string, made: Made, more: Partial<Made> = {}): Made => Object.assign(made, { ...more, toString: () => words })
