import { copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { ROOT } from '../../src/python.ts'
import { Lab } from './lab.ts'

/** Takes the pictures that README shows: the study in JupyterLab, and the report that the last run of it left in reports/. */

const FOLDER = path.join(ROOT, 'notebooks', 'pictures')
/** The code cell whose plot is shown: accuracy over pruning amount. What it needs of the cells before it ran. */
const PLOTTED = 6
const BEFORE = [0, 1, 2, 4, 5]

async function save(name: string, png: Buffer): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(path.join(FOLDER, `${name}.png`))
}

async function notebookPicture(lab: Lab): Promise<void> {
  copyFileSync(path.join(ROOT, 'notebooks', 'studies', 'lprnet.ipynb'), path.join(lab.folder, 'lprnet.ipynb'))
  const notebook = await lab.open('lprnet.ipynb')
  await notebook.page.setViewportSize({ width: 1200, height: 900 })
  for (const index of [...BEFORE, PLOTTED]) await notebook.run(index)
  await notebook.outputs(PLOTTED).locator('canvas, svg').first().waitFor()
  await notebook.cell(PLOTTED).evaluate((cell) => cell.scrollIntoView({ block: 'end' }))
  await save('jupyterlab', await notebook.page.screenshot())
}

async function reportPicture(lab: Lab): Promise<void> {
  const page = await lab.blankPage({ width: 1320, height: 1040 })
  await page.goto(pathToFileURL(path.join(ROOT, 'reports', 'lprnet.html')).href)
  await save('report', await page.screenshot())
}

const lab = await Lab.start()
try {
  await reportPicture(lab)
  await notebookPicture(lab)
} finally {
  await lab.stop()
}
