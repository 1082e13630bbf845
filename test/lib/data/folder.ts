import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** A new folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hone-data-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Sets HONE_DATA until the test ends; undefined unsets it. */
export function useData(t: TestContext, folder: string | undefined): void {
  useVariable(t, 'HONE_DATA', folder)
}

/** Sets a variable of the environment until the test ends; undefined unsets it. */
export function useVariable(t: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name]
  const set = (to: string | undefined) => {
    if (to === undefined) delete process.env[name]
    else process.env[name] = to
  }
  set(value)
  t.after(() => set(before))
}

/** A HONE_DATA of the test's own with these files in it, by path. */
export function dataOf(t: TestContext, files: Readonly<Record<string, Uint8Array | string>>): string {
  const data = temporaryFolder(t)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(data, path)), { recursive: true })
    writeFileSync(join(data, path), content)
  }
  useData(t, data)
  return data
}

/** No data, an empty cache, and a server of data sets where nothing listens. Answers with the cache's folder. */
export function useNothing(t: TestContext): string {
  const cache = temporaryFolder(t)
  useData(t, undefined)
  useVariable(t, 'XDG_CACHE_HOME', cache)
  useVariable(t, 'HONE_DATA_MIRROR', 'http://127.0.0.1:1')
  return cache
}
