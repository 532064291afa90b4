import { encodeOnnx } from '@volant/graph'
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node'
import { NnError } from '../errors.js'

/** What may compute on Node: the processor, or a graphics card through CUDA, DirectML (Windows), Core ML (macOS), WebGPU. */
export type Device = 'cpu' | 'cuda' | 'dml' | 'coreml' | 'webgpu'

const devices: readonly Device[] = ['cpu', 'cuda', 'dml', 'coreml', 'webgpu']

/** The devices that ONNX Runtime can open a session on, on this machine. The first call takes a moment: it tries them. */
export async function presentDevices(): Promise<Device[]> {
  const present: Device[] = []
  for (const device of devices) if ((await reasonAgainst(device)) === undefined) present.push(device)
  return present
}

/** Throws NnError `unknown-device`, naming the nearest known one and those present. */
export async function refuseUnknownDevice(device: string): Promise<void> {
  if (devices.includes(device as Device)) return
  const present = await presentDevices()
  throw new NnError(
    'unknown-device',
    `There is no device "${device}"; did you mean "${nearest(device)}"? Known are ${devices.join(', ')}; present on this machine: ${present.join(', ')}`,
    { device, known: devices, present },
  )
}

/** Throws NnError `absent-device`, with the reason and the devices present, when no session at all can be opened on it. */
export async function refuseAbsentDevice(device: Device): Promise<void> {
  const reason = await reasonAgainst(device)
  if (reason === undefined) return
  const present = await presentDevices()
  throw new NnError(
    'absent-device',
    `The device "${device}" is not present on this machine: ${reason}. Present: ${present.join(', ')}`,
    { device, present, reason },
  )
}

const reasons = new Map<Device, Promise<string | undefined>>()

/** Why the smallest of models cannot be opened on the device. */
function reasonAgainst(device: Device): Promise<string | undefined> {
  const known = reasons.get(device) ?? tryToOpen(device)
  reasons.set(device, known)
  return known
}

async function tryToOpen(device: Device): Promise<string | undefined> {
  // An unlisted one would be left out without an error.
  if (!listSupportedBackends().some(({ name }) => name === device))
    return `this build of ONNX Runtime (${process.platform}, ${process.arch}) does not have it`
  try {
    const session = await InferenceSession.create(smallest(), { executionProviders: [device], logSeverityLevel: 4 })
    await session.release()
    return undefined
  } catch (cause) {
    return firstSentence((cause as Error).message)
  }
}

function smallest(): Uint8Array {
  const port = (name: string) => ({ name, dtype: 'float32', shape: [1] }) as const
  const node = { name: 'abs', opType: 'Abs', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} }
  const graph = { name: 'probe', nodes: [node], inputs: [port('x')], outputs: [port('y')], initializers: new Map() }
  return encodeOnnx({ irVersion: 8, opset: 18, producer: 'volant', metadata: {}, graph })
}

/** Without the place in ONNX Runtime's sources and the condition that stands there. */
const firstSentence = (message: string) => message.replace(/^\S+\.cc:\d+ (.* was false\. )?/, '').split('\n')[0]!

/** The known name that takes the fewest edits (insertion, deletion, exchange of a letter). */
function nearest(word: string): Device {
  const scores = devices.map((device) => [edits(word.toLowerCase(), device), device] as const)
  return scores.reduce((best, score) => (score[0] < best[0] ? score : best))[1]
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
