// Imports flow one way: see docs/architecture.md.
const above = {
  graph: 'nn|models|data|fields|server|client|console|cli',
  nn: 'models|data|fields|server|client|console|cli',
  models: 'data|fields|server|client|console|cli',
  data: 'graph|nn|models|fields|server|client|console|cli',
  fields: 'server|client|console|cli',
  server: 'graph|nn|client|console|cli',
  client: 'graph|nn|models|data|fields|server|console|cli',
  cli: 'console',
}
const stages = 'needs|collect|prepare|train|evaluate|deploy|serve|improve'

module.exports = {
  forbidden: [
    ...Object.entries(above).map(([name, others]) => ({
      name: `${name}-imports-only-down`,
      severity: 'error',
      from: { path: `^packages/${name}/src` },
      to: { path: `^packages/(${others})/` },
    })),
    {
      name: 'packages-by-their-door',
      comment: 'Another package is imported by its name, never by a file inside it.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|examples/[^/]+)/' },
      to: { path: '^packages/[^/]+/(src|dist)/(?!(index|web)\\.)', pathNot: '^$1/' },
    },
    {
      name: 'only-the-runtime-touches-onnxruntime',
      severity: 'error',
      from: { path: '^packages/[^/]+/src', pathNot: '^packages/nn/src/runtime/|\\.test\\.ts$' },
      to: { path: 'onnxruntime' },
    },
    {
      name: 'stages-by-their-door',
      comment: 'A stage calls another stage only through its index.ts.',
      severity: 'error',
      from: { path: `^packages/server/src/(${stages})/` },
      to: { path: `^packages/server/src/(${stages})/(?!index\\.ts)`, pathNot: '^packages/server/src/$1/' },
    },
    {
      name: 'shared-knows-no-stage',
      severity: 'error',
      from: { path: '^packages/server/src/(store|jobs|access|channels|language|people)/', pathNot: '\\.test\\.ts$' },
      to: { path: `^packages/server/src/(${stages})/` },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    // The parser reads no JSX; what the console may import is a rule of the linter (biome.json).
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '^(packages|examples)/[^/]+/dist/|^packages/console/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js'],
    },
  },
}
