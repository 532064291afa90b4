import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { hubSettings } from './settings.js'

it('has the defaults of the ecosystem', () => {
  expect(hubSettings({ HF_TOKEN_PATH: '/none' })).toEqual({
    endpoint: 'https://huggingface.co',
    token: undefined,
    cache: path.join(homedir(), '.cache/huggingface/hub'),
    offline: false,
  })
})

it('takes mirror, token, cache and offline mode from the environment', () => {
  expect(
    hubSettings({
      HF_ENDPOINT: 'https://hub.example/',
      HF_TOKEN: ' hf_x\n',
      HF_HUB_CACHE: '~/hub',
      HF_HUB_OFFLINE: '1',
    }),
  ).toEqual({ endpoint: 'https://hub.example', token: 'hf_x', cache: path.join(homedir(), 'hub'), offline: true })
  expect(hubSettings({ XDG_CACHE_HOME: '/c' }).cache).toBe('/c/huggingface/hub')
  expect(() => hubSettings({ HF_ENDPOINT: 'hub.example' })).toThrow('HF_ENDPOINT is "hub.example", expected an address')
})

it('finds the token that was stored', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'volant-home-'))
  writeFileSync(path.join(home, 'token'), 'hf_stored\n')
  expect(hubSettings({ HF_HOME: home })).toMatchObject({ token: 'hf_stored', cache: path.join(home, 'hub') })
  rmSync(home, { recursive: true })
})
