// TensorFlow.js's native addon on a current TensorFlow: its sources, compiled against the libraries of the Python wheel.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const TFJS = '4.22.0'
export const TENSORFLOW = '2.21.0'
/** Of the wheel: the two libraries, and the headers that the C interface includes. */
const WANTED = String.raw`tensorflow/(libtensorflow_(cc|framework)\.so\.2|include/(tensorflow/(c|core/platform|tsl)|tsl|xla/tsl)/.*\.(h|inc))$`
const UNPACK = `
import glob, re, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
for name in wheel.namelist():
    if re.match(sys.argv[2], name): wheel.extract(name, sys.argv[1])
`

/**
 * Builds the addon into `folder`/node_modules/@tensorflow/tfjs-node. Its own install script, which downloads a libtensorflow of 2022, never runs.
 * @param run runs a program to its end, and throws where it fails.
 */
export function buildTfjs(folder, run) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`its build is known for Linux on x64 only, not for ${process.platform} ${process.arch}`)
  mkdirSync(folder, { recursive: true })
  run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `@tensorflow/tfjs-node@${TFJS}`, 'node-api-headers'])
  if (!existsSync(path.join(folder, 'tensorflow', 'libtensorflow_cc.so.2'))) {
    run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, `tensorflow-cpu==${TENSORFLOW}`])
    run('python3', ['-c', UNPACK, folder, WANTED])
    for (const wheel of readdirSync(folder).filter((name) => name.endsWith('.whl'))) rmSync(path.join(folder, wheel))
  }
  const addon = path.join(folder, 'node_modules', '@tensorflow', 'tfjs-node')
  const output = path.join(addon, 'lib', 'napi-v8')
  const libraries = path.join(folder, 'tensorflow')
  const sources = readdirSync(path.join(addon, 'binding')).filter((name) => name.endsWith('.cc')).map((name) => path.join(addon, 'binding', name))
  const includes = [path.join(libraries, 'include'), path.join(folder, 'node_modules', 'node-api-headers', 'include')]
  mkdirSync(output, { recursive: true })
  run('g++', [
    '-shared', '-fPIC', '-O2', '-std=c++17', '-DNAPI_VERSION=8', ...includes.map((include) => `-I${include}`), ...sources, '-o', path.join(output, 'tfjs_binding.node'),
    `-L${libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', `-Wl,-rpath,${libraries}`,
  ])
  writeFileSync(path.join(folder, 'check.cjs'), CHECK)
  const said = run(process.execPath, [path.join(folder, 'check.cjs')], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' } })
  if (!said.includes('4 tensorflow')) throw new Error(`it does not compute: ${said}`)
}

/** tfjs-node 4.22 uses what Node 23 took out. */
const CHECK = `
require('node:util').isNullOrUndefined ??= (value) => value == null
const tf = require('@tensorflow/tfjs-node')
console.log(tf.add(1, 3).dataSync()[0], tf.getBackend())
`
