import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { askPython, python, runPython } from '../../test/python.js'
import { byteCharacters } from './byte-level.js'
import { type ChatMessage, ChatTemplate, templateSources } from './chat.js'
import { byteLevelModel } from './convert/byte-level-bpe.js'
import { fromGguf } from './convert/gguf.js'
import { specialToken, tokenizerJson } from './json.js'
import { Tokeniser } from './tokeniser.js'

/** Small templates after the manner of well-known models. */
const templates = {
  chatml: `{% for message in messages %}
{% if loop.first and message.role != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' }}
{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  brackets: `{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate user/assistant') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}{% else %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}`,
  thinking: `{%- if tools %}{{- '<tools>' + (tools | tojson) + '</tools>\\n' }}{%- endif %}
{%- set ns = namespace(last=-1) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
  {%- if message.role == 'assistant' %}
    {%- set content = message.content or '' %}
    {%- if '</think>' in content and loop.index0 < ns.last %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}
    {{- '<|im_start|>assistant\\n' + content }}
    {%- for call in message.tool_calls or [] %}{{- '<call>' + (call.function | tojson) + '</call>' }}{%- endfor %}
    {{- '<|im_end|>\\n' }}
  {%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>' }}{%- endif %}`,
}

const user = (content: string): ChatMessage => ({ role: 'user', content })
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content })
const conversation = [user('Hi'), assistant('Hello, you'), user(' and  now? '), assistant('\n\nBye 👋')]
const thoughts = [
  user('1+1?'),
  assistant('<think>\neasy\n</think>\n\n2'),
  user('2+2?'),
  assistant('<think>hm</think>4'),
]
const call = { type: 'function', function: { name: 'add', arguments: { a: 1, b: [2, 'é'] } } }
const tools = [{ type: 'function', function: { name: 'add', description: 'Adds "two" numbers < 10.' } }]

const specials = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' }
const templateOf = (source: string) => new ChatTemplate({ default: source }, specials)
const said = (source: string, messages: readonly ChatMessage[]) => {
  const text = templateOf(source).render(messages)
  return templateOf(source)
    .answers(messages)
    .map((span) => text.slice(...span))
}

/** A tokeniser of bytes, with the tokens of ChatML. */
function chatml(): Tokeniser {
  const part = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  const vocab = Object.fromEntries([...byteCharacters, 'ĊĊ'].map((token, id) => [token, id]))
  const added_tokens = ['<|im_start|>', '<|im_end|>'].map((token, i) => specialToken(257 + i, token))
  const model = byteLevelModel(vocab, [['Ċ', 'Ċ']])
  const tokenizer = tokenizerJson({ added_tokens, pre_tokenizer: part, decoder: part, model })
  return new Tokeniser({ tokenizer, config: { chat_template: [{ name: 'default', template: templates.chatml }] } })
}

describe('a chat template', () => {
  it('writes a conversation, and the prompt for an answer', () => {
    expect(templateOf(templates.chatml).render([user('Hi')], { addGenerationPrompt: true })).toBe(
      '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    )
    expect(templateOf(templates.brackets).render(conversation.slice(0, 2))).toBe('<s>[INST] Hi [/INST] Hello, you </s>')
  })

  it('finds the answers with their ends, whether the template has a prompt for answers or not', () => {
    expect(said(templates.chatml, conversation)).toEqual(['Hello, you<|im_end|>', '\n\nBye 👋<|im_end|>'])
    expect(said(templates.brackets, conversation)).toEqual([' Hello, you </s>', ' Bye 👋 </s>'])
    expect(said(templates.chatml, [assistant('I begin'), user('Hi')])).toEqual(['I begin<|im_end|>'])
  })

  it('finds answers that are written otherwise when they are not the last, and calls of tools', () => {
    expect(said(templates.thinking, thoughts)).toEqual(['2<|im_end|>', 'hm</think>4<|im_end|>'])
    const calling = [user('Add.'), { role: 'assistant', content: null, tool_calls: [call] }, user('Thanks')]
    expect(said(templates.thinking, calling)[0]).toContain('"name": "add"')
  })

  it('takes the template for tools where there are tools', () => {
    const both = new ChatTemplate({ default: 'plain', tool_use: '{{ tools[0].name }}' }, {})
    expect([both.render([user('')]), both.render([user('')], { tools: [{ name: 'add' }] })]).toEqual(['plain', 'add'])
  })

  it('counts as Jinja does, but not without end', () => {
    const written = (source: string) => new ChatTemplate({ default: source }, {}).render([])
    expect(written('{{ range(3) | join }} {{ range(5, 1, -2) | join }} {{ range(2, 2) | join }}')).toBe('012 53 ')
    const nested = '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'
    for (const source of ['{{ range(1000000000) }}', nested, '{{ range(1, 2, 0) }}'])
      expect(() => written(source)).toThrow(/refuses a conversation of no messages/)
  })

  it('is refused where it is missing or broken, and says why it refuses a conversation', () => {
    expect(() => new ChatTemplate({}, {}).render([])).toThrow(/has no chat template \(chat_template in/)
    expect(templateSources([null, { name: 'default', template: 3 }, { name: 'tool_use', template: 'x' }])).toEqual({
      tool_use: 'x',
    })
    expect(() => templateOf('{% if %}').render([])).toThrow(/chat template is not valid Jinja/)
    expect(() => templateOf(templates.brackets).render([assistant('x')])).toThrow(
      /refuses a conversation of assistant: .*roles must alternate/,
    )
    expect(() => templateOf('{{ messages | length }}').answers([assistant('x')])).toThrow(
      /message 1 of 1 cannot be told/,
    )
  })
})

describe('a tokeniser with a chat template', () => {
  it('tells which tokens the assistant says', () => {
    const tokeniser = chatml()
    const { text, ids } = tokeniser.chat(conversation)
    expect(tokeniser.decode(ids, { skipSpecial: false })).toBe(text)
    const answers = tokeniser.chatAnswers(conversation)
    const texts = answers.map(([start, end]) => tokeniser.decode(ids.subarray(start, end), { skipSpecial: false }))
    // The third line break of "assistant\n\n\nBye" begins a token that the answer reaches into.
    expect(texts).toEqual(['Hello, you<|im_end|>', '\n\n\nBye 👋<|im_end|>'])
    expect(ids[answers[0]![1] - 1]).toBe(258)
  })
})

describe.skipIf(!python)('beside transformers (VOLANT_PARITY_PYTHON names a python with transformers and gguf)', () => {
  const models = process.env['VOLANT_TEST_MODELS']
  const gguf = models && path.join(models, 'smollm2.gguf')

  it('the same texts', () => {
    const conversations = [
      conversation,
      thoughts,
      [{ role: 'system', content: 'Sé "brief" <b>&</b>' }, user('x')],
      [{ ...user('Add.'), tools: true }, { role: 'assistant', content: '', tool_calls: [call] }, user('ok')],
    ]
    const sources: string[] = Object.values(templates)
    if (gguf && fs.existsSync(gguf)) {
      const read =
        'import sys, gguf; print(gguf.GGUFReader(sys.argv[1]).fields["tokenizer.chat_template"].contents(), end="")'
      const metadata = { ...bare, 'tokenizer.chat_template': runPython(['-c', read, gguf]) }
      sources.push(String(fromGguf(metadata).config!['chat_template']))
    }
    const theirs = askPython<(string | null)[][][]>('chat.py', { templates: sources, conversations, tools })
    const ours = sources.map((source) =>
      conversations.map((messages) =>
        [false, true].map((addGenerationPrompt) => {
          try {
            const given = 'tools' in messages[0]! ? { tools } : {}
            return templateOf(source).render(messages, { addGenerationPrompt, ...given })
          } catch {
            return null
          }
        }),
      ),
    )
    expect(ours).toEqual(theirs)
    expect(theirs.flat(2).filter((text) => text === null).length).toBeLessThan(5)
  })
})

/** The least metadata that a tokeniser is made of. */
const bare = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.tokens': ['a', '<|endoftext|>'],
  'tokenizer.ggml.token_type': [1, 3],
  'tokenizer.ggml.merges': [],
}
