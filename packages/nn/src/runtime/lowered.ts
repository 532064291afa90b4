import { encodeOnnx, encodeOnnxApart, type OnnxModel } from '@volant/graph'
import type { Session } from './local-session.js'
import { openSession, type SessionOptions } from './session.js'

/** Bytes of weights from which on they are handed over beside the file: it holds at most 2 GB, and is a copy more. */
const LARGE = 2 ** 26

/** Opens a lowered model with its weights, however large they are together. */
export async function openLowered(model: OnnxModel, options: SessionOptions = {}, large = LARGE): Promise<Session> {
  const size = [...model.graph.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
  if (size < large) return openSession(encodeOnnx(model), options)
  const { file, apart } = encodeOnnxApart(model)
  return openSession(file, { ...options, apart })
}
