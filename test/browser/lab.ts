import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { findBrowser } from '../../src/checks.ts'
import { startLab } from '../../src/lab-server.ts'
import { skip as skipJupyter } from '../conformance/jupyter.ts'
import { NotebookPage } from './notebook-page.ts'

const executablePath = findBrowser()

/** Why a browser test is skipped, or false where it can run. */
export const skip = skipJupyter || (executablePath === undefined ? 'there is no Chromium on the PATH' : false)

interface Started {
  home: string
  folder: string
  server: ChildProcess
  browser: Browser
  context: BrowserContext
  url: string
  token: string
}

/** A real JupyterLab with an empty folder, and a real browser before it. */
export class Lab {
  /** Where its notebooks lie. */
  readonly folder: string
  readonly #home: string
  readonly #server: ChildProcess
  readonly #browser: Browser
  /** All pages share it, so that JupyterLab's own scripts are fetched once. */
  readonly #context: BrowserContext
  readonly #url: string
  readonly #token: string

  static async start(): Promise<Lab> {
    const home = mkdtempSync(path.join(tmpdir(), 'hone-lab-'))
    const folder = path.join(home, 'notebooks')
    mkdirSync(folder)
    const token = randomUUID()
    const args = ['--no-browser', '--expose-app-in-browser', '--ServerApp.port=0', `--IdentityProvider.token=${token}`]
    const server = startLab({ folder, home, args, stdio: ['ignore', 'ignore', 'pipe'] })
    const [url, browser] = await Promise.all([addressOf(server), chromium.launch({ executablePath, args: ['--no-sandbox'] })])
    return new Lab({ home, folder, server, browser, context: await browser.newContext(), url, token })
  }

  private constructor({ home, folder, server, browser, context, url, token }: Started) {
    this.folder = folder
    this.#home = home
    this.#server = server
    this.#browser = browser
    this.#context = context
    this.#url = url
    this.#token = token
  }

  /** Opens a notebook of its folder in a page of its own; resolves when the kernel is idle. */
  async open(name: string): Promise<NotebookPage> {
    const page = await this.blankPage({ width: 1200, height: 1500 })
    await page.goto(`${this.#url}/lab/tree/${name}?reset&token=${this.#token}`)
    const notebook = new NotebookPage(page)
    await notebook.untilReady()
    return notebook
  }

  async blankPage(viewport: { width: number; height: number }): Promise<Page> {
    const page = await this.#context.newPage()
    await page.setViewportSize(viewport)
    page.setDefaultTimeout(60_000)
    return page
  }

  async stop(): Promise<void> {
    await this.#browser.close()
    this.#server.kill()
    await once(this.#server, 'exit')
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** Waits until the server says where it listens. */
async function addressOf(server: ChildProcess): Promise<string> {
  let log = ''
  for await (const chunk of server.stderr!) {
    log += chunk
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(log) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`JupyterLab ended before it listened:\n${log}`)
}
