import { availableParallelism } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Binding } from './binding.js'
import { type Device, refuseAbsentDevice, refuseUnknownDevice } from './devices.js'
import { runIntoPlace, withRefusedOutput } from './unfetched.js'

/** ONNX Runtime for Node. */
export const nodeBinding: Binding = {
  Tensor,
  async open(model, { threads = 1, training, device = 'cpu', apart }) {
    await refuseUnknownDevice(device)
    if (device !== 'cpu') await refuseAbsentDevice(device as Device)
    return InferenceSession.create(model as string, {
      // What a device cannot compute is left to the processor.
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      intraOpNumThreads: Math.min(threads, availableParallelism()),
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      enableMemPattern: !training,
      ...(apart && { externalData: apart.map(({ path, data }) => ({ path, data })) }),
      logSeverityLevel: 3,
      extra: {
        // Threads that spin after a run would steal the cores of the other sessions of this process.
        session: { force_spinning_stop: '1' },
        // On the CPU the fused operation is four times slower than its parts.
        optimization: { disable_specified_optimizers: 'SkipLayerNormFusion' },
      },
    })
  },
  forPlaces: withRefusedOutput,
  runIntoPlaces: runIntoPlace,
}
