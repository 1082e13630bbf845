import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count, percent, points, ratio, type Scale } from '../../../lib/report/scale.ts'
import { verdict, type Conditions, type Effect, type Rule } from '../../../lib/report/verdict.ts'

const conditions: Conditions = { device: 'cpu', cores: 2, profile: 'quick', data: { 'CIFAR-10': { name: 'CIFAR-10 (JPEG copy)', complete: true } } }
const measured = (value: number, low: number, high: number): Effect => ({ value, low, high, repeats: 5, random: true })
const ratioOf = (value: number, low: number, high: number) => measured(Math.log(value), Math.log(low), Math.log(high))
const judged = (rule: Rule, scale: Scale, effect: Effect) => verdict({ rule, scale, effect, needs: {}, conditions }).verdict

test('what the machine, the data or the profile cannot show is not tested, whatever was measured', () => {
  const rule: Rule = { kind: 'threshold', side: 'above', threshold: 1 }
  const effect = ratioOf(2, 1.9, 2.1)
  const told = (needs: object, other: Partial<Conditions> = {}) => verdict({ rule, scale: ratio, effect, needs, conditions: { ...conditions, ...other } })
  const reason = (needs: object, other: Partial<Conditions> = {}) => `${told(needs, other).verdict}: ${told(needs, other).reason}`

  assert.equal(reason({ gpu: true }), 'not tested here: it needs a GPU, this ran on the device cpu')
  assert.equal(told({ gpu: true }, { device: 'webgpu-software' }).verdict, 'not tested here')
  assert.equal(told({ gpu: true }, { device: 'cuda' }).verdict, 'reproduced')
  assert.equal(reason({ cores: 4 }), 'not tested here: it needs 4 cores, this machine has 2')
  assert.equal(told({ cores: 2 }).verdict, 'reproduced')
  assert.equal(told({ data: 'CIFAR-10' }).verdict, 'reproduced')
  assert.equal(reason({ data: 'CIFAR-10' }, { data: { 'CIFAR-10': { name: 'MNIST (first 10,000)', complete: false } } }), 'not tested here: it needs the complete CIFAR-10, this ran on MNIST (first 10,000)')
  assert.equal(reason({ data: 'IMDB' }), 'not tested here: it needs the complete IMDB, this ran on none of it')
  assert.equal(reason({ devices: ['webgpu'] }, { device: 'cuda' }), 'not tested here: it needs the device webgpu, this ran on cuda')
  assert.match(reason({ profiles: ['standard', 'full'] }), /not tested here: .*quick is too small.* --profile standard/)
})

test('nothing measured is undecided, never a success', () => {
  const none = verdict({ rule: { kind: 'count', document: 3 }, scale: count, needs: {}, conditions })
  assert.deepEqual(none, { verdict: 'undecided', reason: 'nothing was measured', effect: null, interval: null })
})

test('an exact count is equal or it is not', () => {
  const rule: Rule = { kind: 'count', document: 138_357_544 }
  const exactly = (value: number): Effect => ({ value, low: value, high: value, repeats: 1, random: false })
  assert.equal(judged(rule, count, exactly(138_357_544)), 'reproduced')
  assert.equal(judged(rule, count, exactly(138_357_543)), 'contradicted')
})

test('one repeat of a random quantity decides nothing; of an exact one it does', () => {
  const rule: Rule = { kind: 'number', document: 0.5, tolerance: 0.05 }
  assert.equal(judged(rule, ratio, { ...ratioOf(0.5, 0.5, 0.5), repeats: 1 }), 'undecided')
  assert.equal(judged(rule, ratio, { ...ratioOf(0.5, 0.5, 0.5), repeats: 1, random: false }), 'reproduced')
})

test('no change: inside, outside or across the margin', () => {
  const rule: Rule = { kind: 'no change', document: 0, margin: 1 }
  assert.equal(judged(rule, points, measured(0.2, -0.5, 0.9)), 'reproduced')
  assert.equal(judged(rule, points, measured(0, -1, 1)), 'reproduced', 'the margin itself is inside')
  assert.equal(judged(rule, points, measured(0.5, -0.5, 1.1)), 'undecided')
  assert.equal(judged(rule, points, measured(1.5, 1, 2)), 'undecided', 'touching is not disjoint')
  assert.equal(judged(rule, points, measured(1.5, 1.1, 2)), 'contradicted')
  assert.equal(judged(rule, points, measured(-3, -4, -1.1)), 'contradicted')
  assert.equal(judged({ ...rule, margin: 2 }, points, measured(1.5, 1.1, 2)), 'reproduced')
})

test('a threshold: beyond it, on the other side, or across', () => {
  const above: Rule = { kind: 'threshold', side: 'above', threshold: 2 }
  assert.equal(judged(above, ratio, ratioOf(2.5, 2.1, 3)), 'reproduced')
  assert.equal(judged(above, ratio, ratioOf(2.5, 2, 3)), 'undecided', 'the border is not beyond it')
  assert.equal(judged(above, ratio, ratioOf(1.9, 1.5, 2.2)), 'undecided')
  assert.equal(judged(above, ratio, ratioOf(1.5, 1.2, 1.9)), 'contradicted')
  const below: Rule = { kind: 'threshold', side: 'below', threshold: 0 }
  assert.equal(judged(below, points, measured(-2, -3, -0.1)), 'reproduced')
  assert.equal(judged(below, points, measured(2, 0.1, 3)), 'contradicted')
  assert.equal(judged(below, points, measured(0, 0, 0)), 'undecided')
})

test('a number: near it, only on its side, neither, or against it', () => {
  const faster: Rule = { kind: 'number', document: 1.64, tolerance: 0.2 }
  assert.equal(judged(faster, ratio, ratioOf(1.5, 1.4, 1.6)), 'reproduced')
  assert.equal(judged(faster, ratio, ratioOf(1.64 * 1.2, 1.7, 2.1)), 'reproduced', '20 % is inside')
  assert.equal(judged(faster, ratio, ratioOf(1.64 * 1.21, 1.7, 2.1)), 'same direction')
  assert.equal(judged(faster, ratio, ratioOf(1.1, 1.05, 1.15)), 'same direction')
  assert.equal(judged(faster, ratio, ratioOf(1.3, 0.9, 1.7)), 'undecided')
  assert.equal(judged(faster, ratio, ratioOf(1.02, 0.95, 1.1)), 'contradicted', 'no effect, and the number is out of reach')
  assert.equal(judged(faster, ratio, ratioOf(0.8, 0.7, 0.9)), 'contradicted')
  const smaller: Rule = { kind: 'number', document: 0.84, tolerance: 0.05 }
  assert.equal(judged(smaller, ratio, ratioOf(0.84, 0.84, 0.84)), 'reproduced')
  assert.equal(judged(smaller, ratio, ratioOf(1, 1, 1)), 'contradicted')
  assert.equal(judged(smaller, ratio, ratioOf(0.26, 0.26, 0.26)), 'same direction')
})

test('tolerances: shares of a ratio for times and sizes, points for accuracies and shares', () => {
  const near = (document: number, tolerance: number, scale: Scale, value: number) => {
    const effect = scale.effect(value)
    return judged({ kind: 'number', document, tolerance }, scale, measured(effect, effect, effect)) === 'reproduced'
  }
  assert.deepEqual([1.67, 1.66].map((low) => near(2, 0.2, ratio, low)), [true, false])
  assert.deepEqual([1.06, 1.062].map((high) => near(1.04, 0.02, ratio, high)), [true, false])
  assert.deepEqual([0.875, 0.89].map((high) => near(0.84, 0.05, ratio, high)), [true, false])
  assert.deepEqual([1.3, 1.31].map((high) => near(0.3, 1, points, high)), [true, false])
  assert.deepEqual([88.5, 88.4].map((low) => near(93.5, 5, percent, low)), [true, false])
})

test('a verdict keeps the effect and the interval that it was decided by', () => {
  const effect = measured(-0.4, -0.9, 0.1)
  const { effect: value, interval } = verdict({ rule: { kind: 'no change', document: 0, margin: 1 }, scale: points, effect, needs: {}, conditions })
  assert.deepEqual([value, interval], [-0.4, [-0.9, 0.1]])
})
