import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

const WARM_RUNS = 3

/** `npm start` in a fresh clone of what is committed: with an empty npm cache, then again; and what the installation takes, without the optional packages. */
export async function bench(print: (row: Row) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hone-start-'))
  try {
    const whole = clone(folder, 'whole')
    print({ bench: 'start', case: 'cold', who: 'hone', metric: 'npm start', unit: 's', ...figures([seconds(whole, [])]) })
    const warm = Array.from({ length: WARM_RUNS }, () => seconds(whole, []))
    print({ bench: 'start', case: 'warm', who: 'hone', metric: 'npm start', unit: 's', ...figures(warm) })
    print({ bench: 'start', case: 'with optional packages', who: 'hone', metric: 'installed size', unit: 'MB', ...figures([megabytes(whole)]) })
    const lean = clone(folder, 'lean')
    print({ bench: 'start', case: 'cold, --omit=optional', who: 'hone', metric: 'npm start', unit: 's', ...figures([seconds(lean, ['--omit=optional'])]) })
    print({ bench: 'start', case: 'without optional packages', who: 'hone', metric: 'installed size', unit: 'MB', ...figures([megabytes(lean)]) })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function clone(folder: string, name: string): { place: string; cache: string } {
  const place = join(folder, name)
  execFileSync('git', ['clone', '--quiet', process.cwd(), place])
  return { place, cache: join(folder, `${name}-cache`) }
}

function seconds({ place, cache }: { place: string; cache: string }, options: readonly string[]): number {
  const { HONE_DATA: _, ...env } = process.env
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync('npm', ['start', ...options], { cwd: place, env: { ...env, npm_config_cache: cache }, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm start failed:\n${stdout}${stderr}`)
  return (performance.now() - start) / 1000
}

function megabytes({ place }: { place: string }): number {
  return size(join(place, 'node_modules')) / 1e6
}

function size(path: string): number {
  const entry = statSync(path, { throwIfNoEntry: false })
  if (!entry?.isDirectory()) return entry?.size ?? 0
  return readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0)
}
