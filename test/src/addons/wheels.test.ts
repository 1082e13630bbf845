import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { strToU8, zipSync } from 'fflate'
import { unpackWheels } from '../../../src/addons/wheels.ts'

const skip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0 ? false : 'Python 3 with pip is not installed'

/** An index of one wheel: pip asks for nothing else. */
function indexOf(project: string, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'hone-index-'))
  const about = `${project}-1.0.dist-info`
  const parts = { ...files, [`${about}/METADATA`]: `Metadata-Version: 2.1\nName: ${project}\nVersion: 1.0\n`, [`${about}/WHEEL`]: 'Wheel-Version: 1.0\nTag: py3-none-any\n', [`${about}/RECORD`]: '' }
  writeFileSync(join(folder, `${project}-1.0-py3-none-any.whl`), zipSync(Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, strToU8(text)]))))
  Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder })
  return folder
}

const checksum = (folder: string) => createHash('sha256').update(readFileSync(join(folder, readdirSync(folder)[0]!))).digest('hex')

describe('libraries out of Python packages', { skip }, () => {
  test('the wanted files of a package arrive, and no others', async () => {
    const index = indexOf('libs', { 'libs/libthing.so.1': 'thing', 'libs/include/thing.h': 'header', 'libs/thing.py': 'code' })
    const folder = mkdtempSync(join(tmpdir(), 'hone-unpacked-'))
    await unpackWheels([{ project: 'libs', version: '1.0', sha256: checksum(index) }], /^libs\/(.*\.so\.1|include\/.*)$/, folder)
    assert.deepEqual(readdirSync(folder, { recursive: true }).map(String).sort(), ['libs', 'libs/include', 'libs/include/thing.h', 'libs/libthing.so.1'])
    assert.equal(readFileSync(join(folder, 'libs/libthing.so.1'), 'utf8'), 'thing')
  })

  test('a file that is not the pinned one is not used, and the message says so', async () => {
    indexOf('libs', { 'libs/libthing.so.1': 'tampered with' })
    const folder = mkdtempSync(join(tmpdir(), 'hone-unpacked-'))
    await assert.rejects(unpackWheels([{ project: 'libs', version: '1.0', sha256: '0'.repeat(64) }], /./, folder), /libs 1\.0: what arrived is not the file that hone was tested with/)
    assert.deepEqual(readdirSync(folder), [])
  })

  test('a package that the index lacks is named', async () => {
    indexOf('libs', {})
    await assert.rejects(unpackWheels([{ project: 'absent', version: '1.0', sha256: '0'.repeat(64) }], /./, tmpdir()), /absent 1\.0: pip finds no such file/)
  })
})
