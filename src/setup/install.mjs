import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { missing, thisMachine } from './lock.mjs'
import { npm } from './npm.mjs'

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error']

/**
 * Brings node_modules to what package-lock.json asks for; does nothing where it is there.
 * @param {string} root
 * @param {{ optional: 'wanted' | 'omitted' | 'as found', say: (line: string) => void }} options what becomes of the optional packages
 */
export function install(root, { optional, say }) {
  const start = performance.now()
  const lost = () => missing(packages(root, 'package-lock.json'), packages(root, 'node_modules/.package-lock.json'), thisMachine())
  const before = lost()
  if (before.required.length > 0 || (optional === 'wanted' && before.optional.length > 0)) {
    say('Installing packages (a minute or two) ...')
    installWith(root, ['ci', optional === 'omitted' ? '--omit=optional' : '--include=optional'])
    const { optional: left } = lost()
    say(`Installed in ${((performance.now() - start) / 1000).toFixed(0)} s${left.length > 0 ? `, without the optional ${left.join(', ')}` : ''}.`)
  }
  const { binaries, optional: absent } = lost()
  if (binaries.length > 0) {
    installWith(root, ['install', '--no-save', absent.length > 0 ? '--omit=optional' : '--include=optional', ...binaries])
    say(`Added what --omit=optional leaves out of required packages: ${binaries.join(', ')}.`)
  }
  const freed = removeOtherPlatforms(path.join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6'))
  if (freed > 0) say(`Removed ONNX Runtime for other platforms (${(freed / 1e6).toFixed(0)} MB).`)
}

function packages(root, file) {
  const place = path.join(root, file)
  return existsSync(place) ? JSON.parse(readFileSync(place, 'utf8')).packages : {}
}

function installWith(root, args) {
  const { status, output } = npm(root, [...args, ...QUIET, '--include=dev'])
  if (status === 0) return
  const end = output.split('\n').slice(-12).join('\n')
  throw new Error(`${end}\n${diagnosis(end)}`)
}

function diagnosis(text) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(text))
    return 'The npm registry cannot be reached, so the packages are not installed. Check the network and the proxy (npm config get registry), and run this again.'
  if (/ENOSPC/.test(text)) return 'There is no space left on the disk, so the packages are not installed. hone needs 1 GB; make room and run this again.'
  return 'npm could not install the packages, for the reason above. Mend that and run this again.'
}

/** @returns the bytes that are free now. */
function removeOtherPlatforms(folder) {
  if (!existsSync(folder)) return 0
  const others = readdirSync(folder)
    .flatMap((platform) => readdirSync(path.join(folder, platform)).map((arch) => path.join(platform, arch)))
    .filter((place) => place !== path.join(process.platform, process.arch))
    .map((place) => path.join(folder, place))
  const freed = others.reduce((sum, place) => sum + size(place), 0)
  for (const place of others) rmSync(place, { recursive: true })
  return freed
}

function size(place) {
  const entry = statSync(place)
  return entry.isDirectory() ? readdirSync(place).reduce((sum, name) => sum + size(path.join(place, name)), 0) : entry.size
}
