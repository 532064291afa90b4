// The second door, for browsers: runtimes over `onnxruntime-web`. Everything else comes from `@volant/nn`.
export {
  createRuntime,
  type OnnxRuntimeWeb,
  openSession,
  serveRuntime,
  type WebDevice,
  type WebOptions,
  type WebRuntimeOptions,
  type WebWorker,
} from './runtime/web.js'
