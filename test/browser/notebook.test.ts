import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Locator } from 'playwright-core'
import { ROOT } from '../../src/python.ts'
import { notebook } from '../conformance/notebook.ts'
import { Lab, skip } from './lab.ts'

let lab: Lab
before(async () => {
  if (!skip) lab = await Lab.start()
})
after(() => lab?.stop())

async function open(name: string, ...sources: string[]) {
  writeFileSync(path.join(lab.folder, name), notebook(sources))
  return lab.open(name)
}

test('JupyterLab runs all cells and shows text, a table, a plot, a progress bar and an error', { skip }, async () => {
  const page = await open(
    'tour.ipynb',
    "import { plot, progress } from 'honejs'\ninterface Layer { name: string; parameters: number }",
    "const layers: Layer[] = [{ name: 'conv1', parameters: 1792 }, { name: 'conv2', parameters: 73856 }]\nconsole.log(`${layers.length} layers`)\nlayers",
    'plot.accuracyOverAmount([{ amount: 0, accuracy: 0.9 }, { amount: 0.25, accuracy: 0.91 }, { amount: 0.5, accuracy: 0.8 }])',
    "const bar = progress('plates', 40)\nfor (let i = 0; i < 40; i++) {\n  await new Promise((resolve) => setTimeout(resolve, 50))\n  bar.tick()\n}\nbar.done()",
    'function forward(layer: Layer): number {\n  if (layer.parameters > 1e4) throw new RangeError(`${layer.name} is too large`)\n  return layer.parameters\n}\nlayers.map(forward)',
  )
  await page.menu('Run', 'Run All Cells')
  await page.outputs(3).locator('progress').waitFor()
  await page.done(4)

  assert.deepEqual(await page.outputs(0).count(), 0)
  await page.shows(1, '2 layers')
  assert.deepEqual(await page.outputs(1).locator('th').allInnerTexts(), ['name', 'parameters'])
  const drawn = page.outputs(2).locator('.vega-embed').locator('canvas, svg.marks')
  await drawn.first().waitFor()
  assert.equal(await page.outputs(3).count(), 1, 'the progress bar became one line')
  await page.shows(3, 'plates · 40/40')
  await page.shows(4, /RangeError: conv2 is too large\s+at forward \(cell 5:2:37\)[^]*> 2 \|\s+if \(layer\.parameters/)
  await page.screenshot('tour')
  await page.page.close()
})

test('an image, a type error, a table of a Map and an updated display are shown as what they are', { skip }, async () => {
  const page = await open(
    'views.ipynb',
    "const drawing = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==', 'base64')\ndrawing",
    "const status = display('waiting', { id: 'status' })",
    "status.update(new Map([['state', 'done']]))\nconst count: number = 'three'",
  )
  for (const index of [0, 1, 2]) await page.run(index)
  const image = page.outputs(0).locator('img')
  await image.waitFor()
  assert.equal(await image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth), 2)
  await page.shows(1, 'done')
  assert.equal(await page.outputs(1, 'waiting').count(), 0)
  await page.shows(2, /cell 3:2:7 Type 'string' is not assignable to type 'number'\. \(TS2322\)/)
  await page.screenshot('views')
  await page.page.close()
})

test('Tab completes members with their kinds and documentation; Shift+Tab tells of the function that is being called', { skip }, async () => {
  const page = await open('editing.ipynb', "import { nn } from 'honejs'\n/** Twice as much. */\nfunction twice(value: number) {\n  return 2 * value\n}", '', '')
  await page.run(0)
  await page.type(1, 'nn.models.vgg')
  await page.page.keyboard.press('Tab')
  const popup = page.page.locator('.jp-Completer')
  await popup.locator('.jp-Completer-docpanel', { hasText: 'function vgg11' }).waitFor()
  assert.deepEqual(await popup.locator('.jp-Completer-match').allInnerTexts(), ['vgg11', 'vgg16'])
  assert.deepEqual(await popup.locator('.jp-Completer-typeExtended').allInnerTexts(), ['function', 'function'])
  await page.screenshot('completion')
  await page.page.keyboard.press('Enter')
  await page.cell(1).locator('.cm-content', { hasText: /^nn\.models\.vgg11$/ }).waitFor()

  await page.type(2, 'twice(')
  await page.page.keyboard.press('Shift+Tab')
  await page.page.locator('.jp-Tooltip', { hasText: /function twice\(value: number\): number\s*Twice as much\./ }).waitFor()
  await page.screenshot('inspection')
  await page.page.close()
})

test('a question is answered below its cell; a password is not shown', { skip }, async () => {
  const page = await open('questions.ipynb', "const name = await input('Who? ')\nconst secret = await input('Password? ', { password: true })\n;[name, secret.length, prompt('Again?', 'nobody')]")
  await page.start(0)
  const answer = async (field: Locator, text: string) => {
    await field.fill(text)
    await field.press('Enter')
  }
  await answer(await page.question(0, 'Who?'), 'Ada')
  const password = await page.question(0, 'Password?')
  assert.equal(await password.getAttribute('type'), 'password')
  await answer(password, 'lovelace')
  await answer(await page.question(0, 'Again?'), '')
  await page.done(0)
  await page.shows(0, "[ 'Ada', 8, 'nobody' ]")
  assert.doesNotMatch(await page.cell(0).innerText(), /lovelace/)
  await page.screenshot('questions')
  await page.page.close()
})

test("comms: the page speaks with a cell's target, and a cell with the page's", { skip }, async () => {
  const page = await open(
    'comms.ipynb',
    "hone.comms.register('double', (comm) => {\n  comm.onMsg = ({ content, buffers }) => comm.send({ doubled: 2 * content.data.value, bytes: buffers[0]?.length })\n})",
    "const comm = hone.comms.open('page', { greeting: 'hello' })\nawait new Promise((resolve) => (comm.onMsg = ({ content }) => resolve(content.data.answer)))",
  )
  await page.run(0)
  const answer = await page.page.evaluate(async () => {
    const { kernel } = (globalThis as any).jupyterapp.shell.currentWidget.sessionContext.session
    kernel.registerCommTarget('page', (comm: any, { content }: any) => comm.send({ answer: `${content.data.greeting} back` }))
    const comm = kernel.createComm('double')
    return new Promise((resolve) => {
      comm.onMsg = ({ content }: any) => resolve(content.data)
      comm.open()
      comm.send({ value: 21 }, undefined, [new Uint8Array(3).buffer])
    })
  })
  assert.deepEqual(answer, { doubled: 42, bytes: 3 })
  await page.run(1)
  await page.shows(1, 'hello back')
  await page.page.close()
})

test('cells are highlighted as TypeScript', { skip }, async () => {
  const page = await open('highlighting.ipynb', 'enum Colour { Red }\ninterface Point { readonly x: number }')
  assert.equal(await page.cell(0).locator('.cm-content').getAttribute('data-language'), 'typescript')
  const keywords = await page.cell(0).locator('.cm-line span').allInnerTexts()
  for (const keyword of ['enum', 'interface', 'readonly']) assert.ok(keywords.includes(keyword), `${keyword} is highlighted`)
  await page.page.close()
})

test('the interrupt button stops a spinning and an awaiting cell, and variables survive', { skip }, async () => {
  const page = await open(
    'interrupt.ipynb',
    'let spins: number = 0\nlet ticks: number = 0',
    "console.log('under way')\nfor (;;) spins++",
    "console.log('under way')\nfor (;;) {\n  await new Promise((resolve) => setTimeout(resolve, 5))\n  ticks++\n}",
    'const seen = ticks\nawait new Promise((resolve) => setTimeout(resolve, 300))\n;({ spun: spins > 0, ticked: ticks > 0, later: ticks - seen })',
  )
  await page.run(0)
  for (const endless of [1, 2]) {
    await page.start(endless)
    await page.shows(endless, 'under way')
    await page.press('interrupt')
    await page.done(endless)
    await page.shows(endless, 'Interrupted')
  }
  await page.run(3)
  await page.shows(3, '{ spun: true, ticked: true, later: 0 }')
  await page.screenshot('interrupt')
  await page.page.close()
})

test('a restarted kernel has forgotten everything; all cells run again', { skip }, async () => {
  const page = await open('restart.ipynb', "globalThis.runs = (globalThis.runs ?? 0) + 1\n'run ' + globalThis.runs", 'const total: number = 42', 'typeof total')
  await page.menu('Run', 'Run All Cells')
  await page.done(2)
  await page.run(0)
  await page.shows(0, 'run 2')
  await page.shows(2, 'number')

  await page.press('restart')
  await page.untilIdle()
  await page.run(2)
  await page.shows(2, 'undefined')

  await page.press('restart-and-run')
  await page.shows(0, 'run 1')
  await page.shows(2, 'number')
  await page.done(2)
  assert.deepEqual(await Promise.all([0, 1, 2].map((index) => page.prompt(index))), ['1', '2', '3'])
  await page.page.close()
})

test('the LPRNet study opens unchanged, and its first cells run', { skip }, async () => {
  copyFileSync(path.join(ROOT, 'notebooks', 'studies', 'lprnet.ipynb'), path.join(lab.folder, 'lprnet.ipynb'))
  const page = await lab.open('lprnet.ipynb')
  for (const index of [0, 1, 2, 3, 4]) await page.run(index)
  await page.shows(2, /parameters[^]*446,976/)
  await page.shows(3, 'without denormals')
  await page.shows(4, 'Conv')
  await page.screenshot('lprnet')
  await page.page.close()
})
