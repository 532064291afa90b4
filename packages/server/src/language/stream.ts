import type { FastifyReply } from 'fastify'
import { refuse } from '../errors.js'

/** A signal that is aborted when the caller goes away before the answer is whole. */
export function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const leave = () => {
    if (!raw.writableFinished) gone.abort(refuse('client-gone', 'The caller went away before the answer.'))
  }
  raw.once('close', leave)
  if (raw.destroyed) leave()
  return gone.signal
}

/** An answer as server-sent events. It begins with the first event, so that a request can be refused until then. */
export class EventStream {
  #begun = false

  constructor(readonly reply: FastifyReply) {}

  get begun(): boolean {
    return this.#begun
  }

  send(event: object): void {
    this.#write(JSON.stringify(event))
  }

  /** OpenAI's mark of a stream's end. */
  end(): void {
    this.#write('[DONE]')
    this.reply.raw.end()
  }

  #write(data: string): void {
    const { raw } = this.reply
    if (!this.#begun) {
      this.#begun = true
      this.reply.hijack()
      raw.writeHead(200, {
        ...(this.reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
    }
    raw.write(`data: ${data}\n\n`)
  }
}
