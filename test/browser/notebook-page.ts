import path from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { ROOT } from '../../src/python.ts'

/** A notebook in JupyterLab, as a person works on it. Code cells are counted from 0. */
export class NotebookPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  cell(index: number): Locator {
    return this.page.locator('.jp-Notebook .jp-CodeCell').nth(index)
  }

  /** The outputs of a cell, or those that hold a text. */
  outputs(index: number, hasText?: string | RegExp): Locator {
    return this.cell(index).locator('.jp-OutputArea-output', hasText === undefined ? {} : { hasText })
  }

  /** Resolves when the cell shows an output with the text. */
  async shows(index: number, text: string | RegExp): Promise<void> {
    await this.outputs(index, text).first().waitFor()
  }

  /** What stands in brackets beside the cell: its count, `*` while it waits or runs, or nothing. */
  async prompt(index: number): Promise<string> {
    const text = await this.cell(index).locator('.jp-InputPrompt').innerText()
    return text.replace(/[[\]:\s]/g, '')
  }

  /** Types a text at the end of a cell. */
  async type(index: number, text: string): Promise<void> {
    await this.cell(index).locator('.cm-content').click()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text)
  }

  /** The field in which a cell asks something, once it does. */
  async question(index: number, prompt: string): Promise<Locator> {
    const asked = this.cell(index).locator('.jp-Stdin', { hasText: prompt })
    await asked.waitFor()
    return asked.locator('input')
  }

  /** Starts a cell. */
  async start(index: number): Promise<void> {
    await this.cell(index).locator('.cm-content').click()
    await this.page.keyboard.press('Control+Enter')
  }

  /** Starts a cell and resolves when the kernel is done with it. */
  async run(index: number): Promise<void> {
    await this.start(index)
    await this.done(index)
  }

  /** Resolves when the cell has its count. */
  async done(index: number): Promise<void> {
    await this.cell(index).locator('.jp-InputPrompt', { hasText: /\[\d+\]/ }).waitFor()
    await this.untilIdle()
  }

  async menu(...names: string[]): Promise<void> {
    for (const name of names) await this.page.getByRole('menuitem', { name, exact: true }).click()
  }

  /** Presses a button of the notebook's toolbar. */
  async press(button: 'interrupt' | 'restart' | 'restart-and-run'): Promise<void> {
    await this.page.locator(`.jp-NotebookPanel-toolbar [data-jp-item-name="${button}"]`).click()
    if (button !== 'interrupt') await this.page.locator('.jp-Dialog .jp-mod-accept').click()
  }

  /** Resolves when the kernel is there and idle: without one JupyterLab shows `idle` too. */
  async untilReady(): Promise<void> {
    await this.page.locator('.jp-NotebookPanel-toolbar [data-jp-item-name="kernelName"]', { hasText: 'TypeScript (hone)' }).waitFor()
    await this.untilIdle()
  }

  async untilIdle(): Promise<void> {
    await this.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor()
  }

  /** Keeps a picture of what is seen now, for people: reports/screenshots/NAME.png. */
  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: path.join(ROOT, 'reports', 'screenshots', `${name}.png`) })
  }
}
