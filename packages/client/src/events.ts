import type { LoopEvent } from './types.js'

/** Reads Server-Sent Events (WHATWG HTML, section 9.2) from a response body; ends when the stream ends. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<LoopEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let kind = ''
  let data: string[] = []
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r/)
      rest = lines.pop()!
      for (const line of lines) {
        if (line === '') {
          if (kind && data.length) yield { ...JSON.parse(data.join('\n')), kind } as LoopEvent
          kind = ''
          data = []
        } else if (line.startsWith('event:')) kind = line.slice(6).trim()
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
