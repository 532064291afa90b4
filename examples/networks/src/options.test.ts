import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type ExampleName, examples } from './examples.js'
import { help, readOptions } from './options.js'

it('has a program for each example, and an example for each program', () => {
  const programs = readdirSync(fileURLToPath(new URL('.', import.meta.url)))
    .filter((file) => file.endsWith('.example.ts'))
    .map((file) => file.replace('.example.ts', ''))
  expect(programs.sort()).toEqual(Object.keys(examples).sort())
})

describe('flags', () => {
  it('are read, with defaults for what is not given', () => {
    expect(readOptions('digits', [])).toEqual({ data: resolve('../shared/data'), seed: 42 })
    const given = '--network nanogpt --iterations=30 --minutes .5 --threads 2 --seed 0 --checkpoint a.safetensors'
    expect(readOptions('tinyshakespeare', given.split(' '))).toMatchObject({
      network: 'nanogpt',
      iterations: 30,
      minutes: 0.5,
      threads: 2,
      seed: 0,
      checkpoint: 'a.safetensors',
    })
  })

  it.each<[ExampleName, string, string]>([
    ['digits', '--epochs x', '--epochs: expected an integer of at least 1, found "x"'],
    ['digits', '--epochs -1', '--epochs: expected an integer of at least 1, found "-1"'],
    ['digits', '--epochs 1.5', '--epochs: expected an integer of at least 1, found "1.5"'],
    ['digits', '--epochs', '--epochs: expected an integer of at least 1, found nothing'],
    ['digits', '--threads 0', '--threads: expected an integer of at least 1, found "0"'],
    ['digits', '--minutes 0', '--minutes: expected a number above 0, found "0"'],
    ['digits', '--seed ', '--seed: expected an integer of at least 0, found ""'],
    ['cifar10', '--network cnn', '--network: expected one of resnet, mobilenet, found "cnn"'],
    ['digits', '--checkpoint no/such/folder', '--checkpoint: expected a file in a folder that is there'],
    ['digits', '--network cnn', 'digits: expected one of --epochs, --minutes, .*, found "--network"'],
    ['tatoeba', '--epochs 2', 'tatoeba: expected one of --iterations, --minutes, .*, found "--epochs"'],
    ['digits', 'again', 'digits: expected one of --epochs, --minutes, .*, found "again"'],
  ])('of %s: refuses "%s"', (name, flags, message) => {
    expect(() => readOptions(name, flags.split(' '))).toThrow(new RegExp(message))
  })

  it('are explained', () => {
    expect(help('weibo-ner')).toMatchInlineSnapshot(`
      "npm run example -- weibo-ner [FLAGS]: names in Chinese messages, by character: embedding, BiLSTM, CRF. Its figures are printed as JSON.
      FLAGS
        --network NAME     scratch (default), pretrained (embedding and BiLSTM first learn to foretell characters of other texts)
        --epochs N         passes over the training rows
        --minutes N        stop after so many minutes; where iterations are counted, make as many as fit into these
        --checkpoint FILE  keep the state there, from which the same command goes on after a stop or Ctrl-C
        --data FOLDER      of the data sets (default ../shared/data)
        --seed N           of first weights, order and all chance (default 42)
        --threads N        that share one operation (default: all cores)
      For example
        npm run example -- weibo-ner --seed 7
        npm run example -- weibo-ner --network pretrained --checkpoint weibo-ner.safetensors --minutes 20"
    `)
    for (const name of Object.keys(examples)) expect(help()).toContain(`  ${name} `)
  })
})

it.each([
  ['--help', 0, /^npm run example -- NAME \[FLAGS\]/],
  ['digits --help', 0, /^npm run example -- digits \[FLAGS\]/],
  ['digits --wrong-flag', 2, /^digits: expected one of --epochs.*, found "--wrong-flag"\n$/],
  ['nosuch', 2, /^NAME: expected one of digits.*, found "nosuch"\n$/],
  ['digits --data nosuch', 1, /^There is no file at ".*nosuch.digits_8x8.train\.csv"; --data says .*\n$/],
  ['sst2-bilstm --data nosuch', 1, /^There is no file at ".*nosuch.sst2.train\.csv"; --data says .*\n$/],
])('npm run example -- %s ends with %i and says so', (command, status, said) => {
  const program = fileURLToPath(new URL('../dist/run.js', import.meta.url))
  const ended = spawnSync(process.execPath, [program, ...command.split(' ')], { encoding: 'utf8' })
  expect(status === 0 ? ended.stdout : ended.stderr).toMatch(said)
  expect(ended.status).toBe(status)
})
