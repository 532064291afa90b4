import { VolantClient } from '@volant/client'

/** A client for the server that the options or the environment name. */
export function connect({ url, key }: { url?: string; key?: string }): VolantClient {
  return new VolantClient({
    url: url ?? process.env['VOLANT_URL'] ?? 'http://127.0.0.1:4600',
    key: key ?? process.env['VOLANT_KEY'],
  })
}
