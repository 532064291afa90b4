import { describe, expect, it } from 'vitest'
import { optionTable } from './options.js'

describe('options', () => {
  it.each([
    ['timeLimit', '5m', '5m'],
    ['timeLimit', '90', '90s'],
    ['split', '.8,.1,.1', [0.8, 0.1, 0.1]],
    ['inputs', ' text , age ', ['text', 'age']],
    ['out', 'base/', 'base'],
    ['out', '/tmp//base', '/tmp/base'],
    ['out', '', ''],
    ['seed', '0', 0],
    ['port', '65535', 65535],
    ['encoder', 'cnn', 'cnn'],
    ['model', 'chat=./a/small.gguf', [{ name: 'chat', source: './a/small.gguf' }]],
    ['adapter', 'formal=a/b', [{ name: 'formal', base: undefined, folder: 'a/b' }]],
    ['adapter', 'formal@chat=/a@b', [{ name: 'formal', base: 'chat', folder: '/a@b' }]],
    ['model', 'org/name', [{ name: 'name', source: 'org/name' }]],
    ['model', 'C:\\models\\a=b.gguf', [{ name: 'a=b', source: 'C:\\models\\a=b.gguf' }]],
    ['encoder', 'linear', 'linear'],
  ] as const)('--%s %s', (name, text, value) => {
    expect(optionTable[name].parse(text)).toEqual(value)
  })

  it.each([
    ['timeLimit', 'soon', 'expected a time such as 90s, 5m or 1h, found "soon"'],
    ['timeLimit', '0s', 'expected a time'],
    ['split', '.8,.2', 'three shares'],
    ['split', '.8,.1,.2', 'sum to 1'],
    ['split', '0,.5,.5', 'three shares'],
    ['inputs', 'a,,b', 'names separated by commas'],
    ['seed', '-1', 'a whole number of at least 0, found "-1"'],
    ['epochs', '0', 'at least 1'],
    ['model', 'chat=', 'expected name=folder, name=file.gguf or name=organisation/name, found "chat="'],
    ['port', '70000', 'a port from 0 to 65535'],
    ['encoder', 'bert', 'expected one of auto, linear, tfidf, bag, cnn, bilstm, transformer, pretrained, found "bert"'],
  ] as const)('--%s %s is refused', (name, text, sentence) => {
    expect(() => optionTable[name].parse(text)).toThrow(sentence)
  })
})
