import type { Problem } from '../errors.js'

/** A refusal in the shape of OpenAI's API. */
export interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string }
}

/** Codes that clients of that API know under another name. */
const codes: Readonly<Record<string, string>> = {
  'unknown-model': 'model_not_found',
  'quota-exceeded': 'insufficient_quota',
  'key-unknown': 'invalid_api_key',
}

/** What a problem document says, as OpenAI's clients read it. */
export function openAiError({ status, code, detail, errors, param }: Problem): OpenAiError {
  const [first] = Array.isArray(errors) ? (errors as { path: string }[]) : []
  return {
    error: {
      message: detail,
      type: typeOf(status),
      param: typeof param === 'string' ? param : first && first.path !== '/' ? dotted(first.path) : null,
      code: codes[code] ?? code,
    },
  }
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** `/messages/0/content` -> `messages[0].content` */
const dotted = (path: string): string =>
  path
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.')
