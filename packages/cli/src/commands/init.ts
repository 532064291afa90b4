import { existsSync, writeFileSync } from 'node:fs'
import { openTable, VolantError } from '@volant/data'
import { inferSpec, specJsonSchema, specYaml } from '@volant/fields'
import { command } from '../command.js'
import { Usage } from '../usage.js'

export const init = command({
  name: 'init',
  summary: 'Write a commented spec for a data file, with every default filled in',
  arguments: [{ name: 'data', description: 'CSV, TSV, JSONL or Parquet file (also .gz)', required: true }],
  options: ['outputs', 'inputs', 'out', 'schema', 'force', 'json'],
  examples: [
    ['volant init tickets.csv --outputs queue', 'print the spec'],
    ['volant init tickets.csv --outputs queue,minutes --out spec.yaml', 'write it to a file'],
    ['volant init tickets.csv --outputs queue --out spec.yaml --schema spec.schema.json', 'with completion in editors'],
  ],
  async run([data], { outputs, inputs, out, schema, force, json }, terminal) {
    if (!outputs) throw new Usage('init needs --outputs: the column or columns to predict')
    for (const file of [out, schema]) {
      if (!file || force || !existsSync(file)) continue
      throw new VolantError('file-exists', `${file} exists already. Name another file, or add --force to replace it.`)
    }
    const source = await openTable(data!, { signal: terminal.signal })
    try {
      const { spec, notes } = await inferSpec(source, { outputs, inputs })
      if (schema) writeFileSync(schema, `${JSON.stringify(specJsonSchema(), null, 2)}\n`)
      // Editors with the YAML language server read this line.
      const modeline = schema ? `# yaml-language-server: $schema=${schema}\n` : ''
      const document = json ? JSON.stringify(spec) : modeline + specYaml(spec, notes)
      if (json) for (const note of notes) terminal.note(`note: ${note}`)
      if (!out) return terminal.print(document.trimEnd())
      writeFileSync(out, document, { flag: force ? 'w' : 'wx' })
      terminal.note(`${out} written. Next: volant train ${data} --spec ${out} --out model`)
    } finally {
      await source.close()
    }
  },
})
