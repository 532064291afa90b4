import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { ModelsError } from '../errors.js'

/** Where models come from and where they are kept. */
export interface HubSettings {
  /** Address of the hub or a mirror of it, without a slash at the end. */
  readonly endpoint: string
  readonly token: string | undefined
  /** The folder that holds `models--org--name`. */
  readonly cache: string
  /** Use only what is in the cache. */
  readonly offline: boolean
}

/**
 * Settings from the environment, under the names that other programs of the ecosystem read: HF_ENDPOINT, HF_TOKEN (or the
 * file `token` in HF_HOME), HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE.
 */
export function hubSettings(environment: Readonly<Record<string, string | undefined>> = process.env): HubSettings {
  const home = expand(
    environment['HF_HOME'] ?? path.join(environment['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'huggingface'),
  )
  return {
    endpoint: endpointOf(environment['HF_ENDPOINT'] || 'https://huggingface.co'),
    token: environment['HF_TOKEN']?.trim() || storedToken(environment['HF_TOKEN_PATH'] ?? path.join(home, 'token')),
    cache: expand(environment['HF_HUB_CACHE'] ?? environment['HUGGINGFACE_HUB_CACHE'] ?? path.join(home, 'hub')),
    offline: isOn(environment['HF_HUB_OFFLINE']) || isOn(environment['TRANSFORMERS_OFFLINE']),
  }
}

function endpointOf(text: string): string {
  if (/^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')) return text.replace(/\/+$/, '')
  throw new ModelsError('bad-endpoint', `HF_ENDPOINT is "${text}", expected an address such as https://huggingface.co.`)
}

/** The token that `hf auth login` stored, if any. */
function storedToken(file: string): string | undefined {
  try {
    return readFileSync(expand(file), 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '')

const expand = (folder: string): string => path.resolve(folder.replace(/^~(?=\/|$)/, homedir()))
