import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { ROOT } from '../../src/python.ts'
import { notebook } from '../conformance/notebook.ts'
import { Lab } from './lab.ts'

/** Takes the pictures that README shows: the study in JupyterLab, a completion, and the report that the last run of the study left in reports/. */

const FOLDER = path.join(ROOT, 'notebooks', 'pictures')
/** What stands in the cell whose plot is shown. */
const PLOTTED = 'plot.accuracyOverAmount'

async function save(name: string, png: Buffer): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(path.join(FOLDER, `${name}.png`))
}

async function notebookPicture(lab: Lab): Promise<void> {
  const study = readFileSync(path.join(ROOT, 'notebooks', 'studies', 'lprnet.ipynb'), 'utf8')
  writeFileSync(path.join(lab.folder, 'lprnet.ipynb'), study)
  const cells = (JSON.parse(study) as { cells: { cell_type: string; source: string[] }[] }).cells.filter(({ cell_type: type }) => type === 'code')
  const plotted = cells.findIndex(({ source }) => source.join('').includes(PLOTTED))
  const page = await lab.open('lprnet.ipynb')
  await page.page.setViewportSize({ width: 1200, height: 900 })
  for (let index = 0; index <= plotted; index++) await page.run(index)
  await page.outputs(plotted).locator('canvas, svg').first().waitFor()
  await page.cell(plotted).evaluate((cell) => cell.scrollIntoView({ block: 'end' }))
  await save('jupyterlab', await page.page.screenshot())
}

async function completionPicture(lab: Lab): Promise<void> {
  const cells = [
    "import { data, nn } from 'honejs'\n\ninterface Layer { name: string; parameters: number }\nconst layers: Layer[] = [{ name: 'conv1', parameters: 1792 }, { name: 'conv2', parameters: 73856 }]\nlayers",
    "const largest: string = layers.reduce((a, b) => Math.max(a, b.parameters), 0)",
    'const plates = await data.lprnet()\n',
  ]
  writeFileSync(path.join(lab.folder, 'types.ipynb'), notebook(cells))
  const page = await lab.open('types.ipynb')
  await page.page.setViewportSize({ width: 1000, height: 760 })
  await page.page.keyboard.press('Control+B')
  for (const index of [0, 1]) await page.run(index)
  await page.type(2, 'const net = nn.models.')
  await page.page.keyboard.press('Tab')
  await page.page.locator('.jp-Completer-docpanel').waitFor()
  await page.page.keyboard.press('ArrowDown')
  await page.page.keyboard.press('ArrowDown')
  await page.page.locator('.jp-Completer-docpanel', { hasText: 'function lprnet' }).waitFor()
  await save('completion', await page.page.screenshot())
}

async function reportPicture(lab: Lab): Promise<void> {
  const page = await lab.blankPage({ width: 1320, height: 1040 })
  await page.goto(pathToFileURL(path.join(ROOT, 'reports', 'lprnet.html')).href)
  await save('report', await page.screenshot())
}

const pictures: Readonly<Record<string, (lab: Lab) => Promise<void>>> = { jupyterlab: notebookPicture, completion: completionPicture, report: reportPicture }
const asked = process.argv.slice(2)
const lab = await Lab.start()
try {
  for (const name of asked.length > 0 ? asked : Object.keys(pictures)) await pictures[name](lab)
} finally {
  await lab.stop()
}
