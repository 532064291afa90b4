import { serveRuntime } from '@volant/nn/web'
import * as ort from 'onnxruntime-web/wasm'

serveRuntime(ort)
