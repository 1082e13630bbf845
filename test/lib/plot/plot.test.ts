import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { View, Warn, logger, parse } from 'vega'
import { compile } from 'vega-lite'
import { accuracyOverAmount, box, type Chart, curve, isDominated, latency, pareto, type ParetoRow, roofline, sensitivity, sweep, timeline } from '../../../lib/plot/index.ts'
import { placeLabels } from '../../../lib/plot/labels.ts'
import { rasterized } from '../../../lib/plot/raster.ts'

const amounts = [0, 0.2, 0.5].map((amount, i) => ({ amount, accuracy: [0.9, 0.91, 0.6][i], low: [0.88, 0.89, 0.57][i], high: [0.92, 0.93, 0.63][i] }))
const times = [{ name: 'base', median: 0.0312, interval: { low: 0.03, high: 0.033 } }, { name: 'int8 <static>', median: 0.0104, interval: { low: 0.01, high: 0.011 } }]
const variants: ParetoRow[] = [
  { name: 'base', accuracy: 0.899, latency: 0.03, size: 1.89e6 },
  { name: 'int8', accuracy: 0.893, latency: 0.01, size: 0.5e6 },
  { name: 'slow', accuracy: 0.89, latency: 0.04, size: 1.89e6 },
]

const runs = [{ name: 'float32', samples: [61.2, 60.1, 63.4, 60.9, 61.7] }, { name: 'mixed', samples: [57.5, 58.9, 57.1, 61.0, 57.7] }]
const epochs = [0, 2, 4].map((setting) => ({ setting, samples: { seconds: [3.1, 3.2, 3 + setting / 10], waiting: [0.4, 0.5, 0.6 - setting / 10] } }))
const operators = [
  { name: 'gemm', intensity: 60, rate: 6e10, share: 0.7, bound: 'compute' }, { name: 'add', intensity: 0.08, rate: 9e8, share: 0.2, bound: 'memory' },
  { name: 'split', intensity: 0, rate: 0, share: 0.1, bound: 'memory' }, { name: 'odd', intensity: null, rate: null, share: 0, bound: 'unknown' },
]
const minded = ['conv1', 'conv2'].flatMap((layer, i) => [['weights', 0.5], ['weights', 0.9], ['int8', null], ['binary', null]].map(([change, amount], k) => ({ layer, change: change as string, amount: amount as number | null, accuracy: 0.9 - (i + k) / 50 })))
const memory = [{ name: 'conv1', inUse: 3e6 }, { name: 'conv2', inUse: 9.5e6 }, { name: 'pool', inUse: 4e6 }]

function bundleOf(chart: Chart): Promise<Record<string, any>> {
  return (chart as unknown as Record<symbol, () => Promise<Record<string, unknown>>>)[Symbol.for('Jupyter.display')]()
}

const charts: Record<string, () => Chart> = {
  'accuracy over amount': () => accuracyOverAmount(amounts),
  'latency': () => latency(times),
  'latency on a logarithmic scale': () => latency(times, { scale: 'log' }),
  'pareto': () => pareto(variants),
  'box': () => box(runs, { value: 'Seconds' }),
  'timeline': () => timeline(memory),
  'sweep': () => sweep(epochs, { title: 'Workers', setting: 'Workers', values: { seconds: 'Seconds an epoch', waiting: 'Seconds waiting' } }),
  'sensitivity': () => sensitivity(minded, { base: 0.9 }),
  'roofline': () => roofline(operators, { flops: 1e11, bandwidth: 1e10 }),
}

for (const [name, make] of Object.entries(charts))
  test(`${name} shows itself as Vega-Lite, SVG, PNG and text, and never as HTML`, async () => {
    const bundle = await bundleOf(make())
    assert.deepEqual(Object.keys(bundle).toSorted(), ['application/vnd.vegalite.v5+json', 'image/png', 'image/svg+xml', 'text/plain'])
    assert.match(bundle['application/vnd.vegalite.v5+json'].$schema, /vega-lite\/v5/)
    assert.deepEqual(JSON.parse(JSON.stringify(bundle['application/vnd.vegalite.v5+json'])), bundle['application/vnd.vegalite.v5+json'])
    assert.match(bundle['image/svg+xml'], /^<svg .*<\/svg>$/s)
    assert.doesNotMatch(bundle['image/svg+xml'], /NaN|undefined/)
    const svg = /width="([\d.]+)" height="([\d.]+)"/.exec(bundle['image/svg+xml'])!
    const png = await sharp(Buffer.from(bundle['image/png'], 'base64')).metadata()
    assert.equal(png.format, 'png')
    assert.ok(Math.abs(png.width! - 2 * Number(svg[1])) <= 2 && Math.abs(png.height! - 2 * Number(svg[2])) <= 2)
  })

test('names, numbers and units stand in the picture and in the text', async () => {
  const times2 = latency(times, { title: 'Seconds per plate' })
  const svg = await times2.svg()
  for (const text of ['Seconds per plate', 'base', 'int8 &lt;static&gt;', '31.2 ms', '10.4 ms', 'interval (ms)']) assert.ok(svg.includes(text), text)
  assert.match(times2.text, /^Seconds per plate\n.*base +31\.2 ms +30\.0 - 33\.0 ms/s)
  const overAmount = await accuracyOverAmount(amounts).svg()
  for (const text of ['base 90.0 %', '20 %', 'Weights set to zero']) assert.ok(overAmount.includes(text), text)
  assert.match((await latency([{ name: 'a', median: 4e-5, interval: { low: 3e-5, high: 5e-5 } }]).svg()), /40\.0 µs/)
})

test('no chart troubles the console of a front end, whatever is missing', async () => {
  const missing = {
    'no intervals': accuracyOverAmount(amounts.map(({ amount, accuracy }) => ({ amount, accuracy }))),
    'no validation': curve([3, 2, 1], []), 'no steps': curve([], []), 'no operators': timeline([]),
  }
  for (const [name, chart] of Object.entries({ ...missing, ...Object.fromEntries(Object.entries(charts).map(([name, make]) => [name, make()])) })) {
    const warnings: unknown[] = []
    const log = logger(Warn)
    log.warn = (...told: unknown[]) => (warnings.push(...told), log)
    const view = new View(parse(compile(structuredClone(chart.spec), { logger: log }).spec), { renderer: 'none', logger: log })
    assert.doesNotMatch(await view.toSVG(), /NaN|undefined/, name)
    assert.deepEqual(warnings, [], name)
  }
})

test('several layers are a line each, with their names', async () => {
  const rows = ['embedding', 'fc'].flatMap((name, i) => amounts.map(({ amount, accuracy }) => ({ name, amount, accuracy: accuracy - 0.1 * i })))
  const chart = accuracyOverAmount(rows, { base: 0.9 })
  for (const text of ['embedding', 'fc', 'base 90.0 %']) assert.ok((await chart.svg()).includes(text), text)
  assert.match(chart.text, /embedding +20\.0 % +91\.0 %.*fc +20\.0 % +81\.0 %/s)
})

test('a sweep keeps the order of its settings, and says its medians; a roof says what memory holds back', async () => {
  const chart = sweep([...epochs, { setting: 'none', samples: { seconds: [9], waiting: [0] } }])
  assert.match(chart.text, /^Sweep\n.*seconds +waiting\n.*0 +3\.10 +0\.500\n.*none +9\.00 +0/s)
  const roof = roofline(operators, { flops: 1e11, bandwidth: 1e10 })
  assert.match(roof.text, /30\.0 % of the time bound by memory, 70\.0 % of the time bound by compute; the machine reaches 100 GFLOP\/s and 10\.0 GB\/s, 10\.0 FLOP\/byte/)
  assert.doesNotMatch(await roofline([], { flops: 1e11, bandwidth: 1e10 }).svg(), /NaN/)
})

test('rows without an interval, and one row alone, are drawn', async () => {
  for (const chart of [accuracyOverAmount([{ amount: 0.1, accuracy: 0.5 }]), latency(times.slice(0, 1)), pareto(variants.slice(0, 1))])
    assert.doesNotMatch(await chart.svg(), /NaN/)
  const once = latency([...times, { name: 'once', median: 0.02, interval: { low: 0, high: Infinity } }])
  assert.match(once.text, /once +20\.0 ms +none/)
  assert.doesNotMatch(await once.svg(), /NaN|Infinity/)
})

test('a variant is dominated by one that is no worse in all three and better in one', () => {
  assert.deepEqual(variants.map((row) => isDominated(row, variants)), [false, false, true])
  assert.equal(isDominated(variants[0], [variants[0], { ...variants[0], name: 'twin' }]), false)
  assert.match(pareto(variants).text, /slow .*dominated/)
})

test('labels of marks that stand close do not cover each other', () => {
  const marks = Array.from({ length: 5 }, (_, i) => ({ x: 100 + 4 * i, y: 100 + 3 * i, radius: 6, text: `variant ${i}` }))
  const boxes = placeLabels(marks, 500, 300).map(({ dx, dy, align }, i) => {
    const width = 0.6 * 11 * marks[i].text.length
    const left = marks[i].x + dx - (align === 'left' ? 0 : align === 'right' ? width : width / 2)
    return { left, right: left + width, top: marks[i].y + dy - 5, bottom: marks[i].y + dy + 5 }
  })
  for (const a of boxes) for (const b of boxes) if (a !== b) assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top)
  assert.ok(boxes.every(({ left, right, top, bottom }) => left >= 0 && right <= 500 && top >= 0 && bottom <= 300))
})

test('a machine without fonts still writes text, micro sign included', async () => {
  const drawn = async (text: string) => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text x="5" y="25" font-family="Roboto, sans-serif">${text}</text></svg>`
    const { data } = await sharp(await rasterized(svg, 1, false)).raw().toBuffer({ resolveWithObject: true })
    return data.toString('hex')
  }
  const [none, latencyText, micro, box] = [await drawn(''), await drawn('Latency 12.3 ms'), await drawn('µ'), await drawn('京')]
  assert.notEqual(latencyText, none)
  assert.notEqual(micro, none)
  assert.notEqual(micro, box)
})

test('a box shows the five numbers, and every run as a dot', async () => {
  const chart = box(runs, { title: 'Time of 5 epochs', value: 'Seconds' })
  assert.match(chart.text, /float32 +60\.1 +60\.9 +61\.2 +61\.7 +63\.4 +5/)
  const svg = await chart.svg()
  for (const text of ['Time of 5 epochs', 'Seconds', 'float32', 'mixed']) assert.ok(svg.includes(text), text)
  assert.equal(svg.match(/aria-roledescription="point"/g)?.length, 10)
  assert.doesNotMatch(await box([{ name: 'one', samples: [0.9] }], { percent: true }).svg(), /NaN/)
  assert.throws(() => box([{ name: 'none', samples: [] }]), /none: there are no samples/)
})

test('a timeline names its highest point', async () => {
  const chart = timeline(memory)
  assert.match(chart.text, /highest at conv2 with 9\.50 MB, over 3 operators/)
  assert.ok((await chart.svg()).includes('conv2: 9.50 MB'))
})
