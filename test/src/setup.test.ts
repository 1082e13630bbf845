import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const source = (name: string) => new URL(`../../../src/${name}`, import.meta.url)
const { missing, suits } = await import(source('setup/lock.mjs').href)
const linux = { platform: 'linux', arch: 'x64', libc: 'glibc' }

test('an old Node gets one clear sentence', () => {
  for (const version of ['12.22.0', '18.20.4', '20.18.3']) {
    const fake = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
    const { status, stderr, stdout } = spawnSync(process.execPath, ['--import', fake, fileURLToPath(source('setup.mjs'))], { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.equal(stderr, `hone needs Node 20.19 or newer, and this is Node ${version}. Get a newer one from https://nodejs.org and run this again.\n`)
    assert.equal(stdout, '')
  }
})

test('a package suits the machines that its os, cpu and libc name', () => {
  assert.ok(suits({}, linux))
  assert.ok(suits({ os: ['linux'], cpu: ['x64'], libc: ['glibc'] }, linux))
  assert.ok(!suits({ os: ['linux'], cpu: ['x64'], libc: ['musl'] }, linux))
  assert.ok(!suits({ os: ['darwin'] }, linux))
  assert.ok(!suits({ cpu: ['arm64'] }, linux))
  assert.ok(suits({ os: ['!win32'] }, linux))
  assert.ok(!suits({ os: ['!linux'] }, linux))
  assert.ok(suits({ os: ['darwin'], libc: ['glibc'] }, { platform: 'darwin', arch: 'arm64', libc: undefined }))
})

const locked = {
  '': { optionalDependencies: { frames: '^1' } },
  'node_modules/image': { version: '2.0.0', optionalDependencies: { '@image/linux': '2.0.0', '@image/mac': '2.0.0' } },
  'node_modules/@image/linux': { version: '2.0.0', optional: true, os: ['linux'], optionalDependencies: { '@image/codecs': '1.0.0' } },
  'node_modules/@image/codecs': { version: '1.0.0', optional: true, os: ['linux'], libc: ['glibc'] },
  'node_modules/@image/mac': { version: '2.0.0', optional: true, os: ['darwin'] },
  'node_modules/frames': { version: '1.1.0', optional: true, optionalDependencies: { 'frames-native': '1.0.0' } },
  'node_modules/frames-native': { version: '1.0.0', optional: true, os: ['linux'] },
  'node_modules/image/node_modules/zlib': { version: '3.0.0' },
}

test('binaries that --omit=optional left out are found, the optional packages stay out', () => {
  const installed = { 'node_modules/image': { version: '2.0.0' }, 'node_modules/image/node_modules/zlib': { version: '3.0.0' } }
  assert.deepEqual(missing(locked, installed, linux), { required: [], binaries: ['@image/linux@2.0.0', '@image/codecs@1.0.0'], optional: ['frames@1.1.0'] })
  assert.deepEqual(missing(locked, installed, { platform: 'darwin', arch: 'arm64', libc: undefined }).binaries, ['@image/mac@2.0.0'])
})

test('a whole installation misses nothing; another version counts as missing', () => {
  assert.deepEqual(missing(locked, locked, linux), { required: [], binaries: [], optional: [] })
  assert.deepEqual(missing(locked, {}, linux).required, ['image@2.0.0', 'zlib@3.0.0'])
  assert.deepEqual(missing(locked, { ...locked, 'node_modules/image': { version: '1.9.0' } }, linux).required, ['image@2.0.0'])
})
