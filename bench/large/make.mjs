// node bench/large/make.mjs FOLDER: a Llama of 1.1 billion random weights (the shapes of TinyLlama) as a model folder: bfloat16, in
// shards of about 500 MB with their index, a tokeniser of bytes.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '@volant/nn'

const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: 32_000,
  hidden_size: 2048,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  intermediate_size: 5632,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 259,
  torch_dtype: 'bfloat16',
}
const shardBytes = 5e8
const tokeniser = fileURLToPath(new URL('../../packages/models/test/fixtures/writer/', import.meta.url))

/** Names of all tensors with their shapes. */
function* shapes() {
  const { vocab_size: V, hidden_size: W, intermediate_size: F, num_hidden_layers, num_attention_heads } = config
  const keys = (W / num_attention_heads) * config.num_key_value_heads
  yield ['model.embed_tokens.weight', [V, W]]
  for (let i = 0; i < num_hidden_layers; i++) {
    const layer = `model.layers.${i}`
    yield [`${layer}.input_layernorm.weight`, [W]]
    for (const [name, rows] of Object.entries({ q_proj: W, k_proj: keys, v_proj: keys, o_proj: W }))
      yield [`${layer}.self_attn.${name}.weight`, [rows, W]]
    yield [`${layer}.post_attention_layernorm.weight`, [W]]
    yield [`${layer}.mlp.gate_proj.weight`, [F, W]]
    yield [`${layer}.mlp.up_proj.weight`, [F, W]]
    yield [`${layer}.mlp.down_proj.weight`, [W, F]]
  }
  yield ['model.norm.weight', [W]]
  yield ['lm_head.weight', [V, W]]
}

const count = (shape) => shape.reduce((a, b) => a * b, 1)
/** bfloat16 is the upper half of a float32. */
const upperHalf = (value) => new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16

const random = new Random(42, 'large')
const table = Uint16Array.from({ length: 1 << 16 }, () => upperHalf(0.02 * random.normal()))
let state = 1

/** Numbers of a tensor: norms are 1, all else is drawn from the table. */
function numbers(shape) {
  const data = new Uint16Array(count(shape))
  if (shape.length === 1) return data.fill(upperHalf(1))
  for (let i = 0; i < data.length; i++) {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    data[i] = table[state & 0xffff]
  }
  return data
}

function writeShard(file, tensors) {
  let end = 0
  const header = Object.fromEntries(
    tensors.map(([name, shape]) => {
      const from = end
      end += 2 * count(shape)
      return [name, { dtype: 'BF16', shape, data_offsets: [from, end] }]
    }),
  )
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const handle = fs.openSync(file, 'w')
  for (const part of [length, json]) fs.writeSync(handle, part)
  for (const [, shape] of tensors) fs.writeSync(handle, numbers(shape))
  fs.closeSync(handle)
  return end
}

/** Makes the folder and returns the number of weights and of bytes. */
export function makeLargeModel(folder) {
  const shards = [[]]
  for (const tensor of shapes()) {
    const held = shards.at(-1).reduce((sum, [, shape]) => sum + 2 * count(shape), 0)
    if (held + 2 * count(tensor[1]) > shardBytes && held > 0) shards.push([])
    shards.at(-1).push(tensor)
  }
  fs.mkdirSync(folder, { recursive: true })
  const weightMap = {}
  let bytes = 0
  shards.forEach((tensors, i) => {
    const number = (n) => String(n).padStart(5, '0')
    const name = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
    bytes += writeShard(path.join(folder, name), tensors)
    for (const [tensor] of tensors) weightMap[tensor] = name
  })
  const json = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value, null, 2))
  json('model.safetensors.index.json', { metadata: { total_size: bytes }, weight_map: weightMap })
  json('config.json', config)
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    fs.copyFileSync(path.join(tokeniser, name), path.join(folder, name))
  return { parameters: bytes / 2, bytes, shards: shards.length }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(makeLargeModel(process.argv[2])))
