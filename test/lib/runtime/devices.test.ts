import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { listDevices, reportedDevice, resolveDevice } from '../../../lib/runtime/devices.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { twoLayers } from './models.ts'

const url = new URL('../../../lib/runtime/devices.js', import.meta.url)

test('the CPU is always there, and every absent device says why and what to do', async () => {
  const devices = await listDevices()
  assert.deepEqual(devices.map(({ device }) => device), ['cuda', 'tensorrt', 'webgpu', 'cpu'])
  assert.equal(devices.at(-1)?.available, true)
  for (const { available, reason, remedy } of devices) assert.ok(available || (reason && remedy))
})

test('auto takes the best real device, a name takes that one, an absent or unknown one is refused with the reason', async () => {
  const devices = await listDevices()
  assert.equal(await resolveDevice('auto'), devices.find(({ device, available, software }) => available && !software && device !== 'tensorrt')?.device)
  for (const { device, available, reason, remedy } of devices)
    if (available) assert.equal(await resolveDevice(device), device)
    else await assert.rejects(resolveDevice(device), { message: `the device ${device} is not available here: ${reason}. ${remedy}` })
  await assert.rejects(resolveDevice('tpu' as 'cpu'), /there is no device "tpu": choose auto, cpu, webgpu, tensorrt, cuda/)
})

test('a report names an emulated GPU as what it is', async () => {
  for (const { device, software } of await listDevices()) assert.equal(await reportedDevice(device), software ? `${device}-software` : device)
})

test('every device that is there computes', async () => {
  const there = (await listDevices()).filter(({ available }) => available)
  for (const { device } of there) {
    const session = await Session.create(twoLayers(8), { device })
    assert.equal(session.device, device)
    const { y } = await session.run({ x: Tensor.float32([1, 8], [1, 1, 1, 1, 1, 1, 1, 1]) })
    assert.deepEqual(y.toNumbers(), [64, 64, 64, 64, 64, 64, 64, 64])
  }
})

test('without drivers everything but the CPU is refused', async () => {
  const program = `const { listDevices } = await import(${JSON.stringify(url.href)}); process.stdout.write(JSON.stringify(await listDevices()))`
  const env = { PATH: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env })
  const [cuda, webgpu] = JSON.parse(stdout)
  if (process.platform === 'linux') assert.equal(webgpu.available, false)
  assert.match(cuda.available ? '' : cuda.reason, /no NVIDIA GPU answers/)
})
