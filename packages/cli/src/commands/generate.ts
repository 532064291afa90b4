import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { type JsonSchema, TextWriter } from '@volant/models'
import { command } from '../command.js'
import { openModel } from '../decoder.js'
import { Usage } from '../usage.js'

export const generate = command({
  name: 'generate',
  summary: 'Write a text on, or answer a question, with a pretrained decoder',
  arguments: [
    { name: 'model', description: 'model folder, .gguf file, or name on the hub', required: true },
    { name: 'prompt', description: 'text to write on from (default: stdin)', required: false },
  ],
  options: [
    'chat',
    'system',
    'maxTokens',
    'temperature',
    'topK',
    'topP',
    'stop',
    'seed',
    'jsonSchema',
    'adapter',
    'quantise',
    'threads',
    'revision',
    'file',
  ],
  examples: [
    ['volant generate smollm2.gguf "The capital of France is" --temperature 0', 'write on, the likeliest words'],
    ['volant generate org/name "Where is Paris?" --chat --max-tokens 100', 'ask a model of the hub'],
    ['volant generate folder --chat --system "Answer in one word." < question.txt', 'a prompt on stdin'],
    ['volant generate folder "Once" --top-p 0.9 --seed 7 --stop "." --stop "!"', 'one sentence, always the same'],
    ['volant generate folder "Paris is" --json-schema city.json', 'JSON that is valid by a schema'],
    ['volant generate folder "Where?" --chat --adapter adapter', 'as volant instruct taught it'],
    ['volant generate folder "Once" --quantise int8 --threads 2', 'faster, nearly the same words'],
  ],
  async run([model, given], options, terminal) {
    const {
      chat,
      system,
      adapter,
      quantise,
      threads = availableParallelism(),
      revision,
      file,
      jsonSchema,
      ...writing
    } = options
    if (system !== undefined && !chat) throw new Usage('--system needs --chat')
    if (adapter && adapter.length > 1) throw new Usage('generate writes with one --adapter')
    if (given === undefined && process.stdin.isTTY) throw new Usage('generate needs a prompt, or a text on stdin')
    const schema = jsonSchema === undefined ? undefined : await readSchema(jsonSchema)
    const decoder = await openModel(model!, { revision, file }, terminal)
    const prompt = given ?? (await text(process.stdin)).trimEnd()
    if (prompt === '') throw new Usage('the prompt is empty')
    const told = system === undefined ? [] : [{ role: 'system', content: system }]
    const writer = await TextWriter.open(decoder, { adapters: adapter?.map(({ folder }) => folder), quantise, threads })
    try {
      const asked = chat ? [...told, { role: 'user', content: prompt }] : prompt
      for await (const piece of writer.write(asked, {
        ...writing,
        schema,
        adapter: adapter ? 1 : 0,
        signal: terminal.signal,
      }))
        terminal.write(piece)
    } finally {
      terminal.write('\n')
      await writer.release()
    }
  },
})

async function readSchema(file: string): Promise<JsonSchema> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Usage(`--json-schema cannot be read: ${error.message}`)
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Usage(`--json-schema ${file} is not JSON: ${(error as Error).message}`)
  }
}
