import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where Chromium and Chrome lie on Linux; each brings a Vulkan loader and SwiftShader, a Vulkan driver that computes on the CPU. */
const FOLDERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/usr/lib64/chromium-browser', '/opt/google/chrome']
const FILES = ['vk_swiftshader_icd.json', 'libvk_swiftshader.so', 'libvulkan.so.1']

const found = FOLDERS.find((folder) => FILES.every((file) => existsSync(join(folder, file))))

/** Environment of a process in which WebGPU runs on SwiftShader; null where no Chromium is installed. */
export function swiftshader(): NodeJS.ProcessEnv | null {
  if (!found) return null
  const libraries = [found, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':')
  return { ...process.env, NODE_TEST_CONTEXT: undefined, VK_ICD_FILENAMES: join(found, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: libraries }
}
