import { Option, type Command } from 'commander'
import { listDevices } from '../lib/runtime/devices.ts'
import { installCudaLibraries, installProvider, missingLibraries, type CudaVersion } from './addons/onnxruntime-cuda.ts'

interface InstallOptions {
  readonly cuda: CudaVersion
  readonly libraries?: boolean
}

/** The NVIDIA driver's own library: no package has it. */
const DRIVER = 'libcuda.so.1'

export function gpu(program: Command): void {
  const group = program.command('gpu').description('make an NVIDIA GPU usable')
  group
    .command('install')
    .description("fetch ONNX Runtime's CUDA provider (250 MB), and say which CUDA libraries are missing")
    .addOption(new Option('--cuda <version>', 'the CUDA that it is for').choices(['12', '13']).default('13'))
    .option('--libraries', "fetch CUDA 13's and cuDNN's libraries too (2 GB), where the machine has none")
    .action(async (options: InstallOptions) => {
      process.exitCode = await install(options)
    })
}

/** @returns the exit code: 1 where the GPU cannot be used yet. */
async function install({ cuda, libraries = false }: InstallOptions): Promise<number> {
  await installProvider(cuda)
  if (libraries && cuda === '13') await installCudaLibraries()
  console.log(`ONNX Runtime's provider for CUDA ${cuda} is installed.`)
  const missing = (await missingLibraries()) ?? []
  const ofCuda = missing.filter((library) => library !== DRIVER)
  if (ofCuda.length) console.log(`Missing: ${ofCuda.join(', ')}. ${remedyFor(cuda)}`)
  if (missing.includes(DRIVER)) console.log(`Missing: ${DRIVER}, which NVIDIA's driver brings. Without it hone runs on the CPU.`)
  const [state] = (await listDevices()).filter(({ device }) => device === 'cuda')
  console.log(state.available ? `✓ device cuda: ${state.description}` : `– device cuda: ${state.reason}. ${state.remedy}`)
  return state.available ? 0 : 1
}

function remedyFor(cuda: CudaVersion): string {
  const elsewhere = `Where CUDA ${cuda} and cuDNN 9 are installed, name their folder in LD_LIBRARY_PATH.`
  return cuda === '13' ? `Fetch them with: hone gpu install --libraries. ${elsewhere}` : elsewhere
}
