import { defineConfig } from 'vite'

/** With these a page may use several threads of WebAssembly; see `threads` of `createRuntime`. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineConfig({
  base: './',
  resolve: { conditions: ['source', 'module', 'browser', 'import', 'default'] },
  worker: { format: 'es' },
  // Its file of WebAssembly lies beside it and is found from there.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers },
  preview: { headers },
  build: { target: 'es2023', chunkSizeWarningLimit: 1200 },
})
