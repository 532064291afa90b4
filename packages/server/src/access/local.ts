import type { IncomingHttpHeaders } from 'node:http'

/** True for a host that only programs on this machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(bare)
}

/**
 * True for a request that surely comes from this machine's own user, so that a newcomer needs no key on 127.0.0.1:
 * the peer is this machine, no proxy stands between, the address asked for is a local name (a page elsewhere cannot
 * reach us by giving its own name our address), and no other site's page sent it.
 */
export function isOwnRequest(headers: IncomingHttpHeaders, remoteAddress: string | undefined): boolean {
  if (remoteAddress === undefined || !isLoopback(remoteAddress)) return false
  if (
    Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-') || name === 'x-real-ip')
  )
    return false
  const { host = '', origin, 'sec-fetch-site': site } = headers
  if (!isLoopback(host.replace(/:\d+$/, ''))) return false
  if (origin !== undefined && origin !== `http://${host}`) return false
  return site === undefined || site === 'same-origin' || site === 'none'
}
