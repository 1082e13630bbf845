import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A new folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hone-data-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Sets HONE_DATA until the test ends; undefined unsets it. */
export function useData(t: TestContext, folder: string | undefined): void {
  const before = process.env.HONE_DATA
  const set = (value: string | undefined) => {
    if (value === undefined) delete process.env.HONE_DATA
    else process.env.HONE_DATA = value
  }
  set(folder)
  t.after(() => set(before))
}
