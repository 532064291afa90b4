import { locateModel, modelKind, openDecoder, TextWriter } from '@volant/models'
import type { ModelFacts, Result, Task, ThreadSettings, WriteTask } from './messages.js'

/** A loaded model; it does one task at a time. */
export interface OpenedModel {
  readonly facts: ModelFacts
  /** `onPiece` gets a text while it is written. An aborted text ends with what there is. */
  run<T extends Task>(task: T, signal: AbortSignal, onPiece: (text: string) => void): Promise<Result<T>>
  release(): Promise<void>
}

/** Opens a model of a folder, a file or the hub. Throws ModelsError. */
export async function openModel({ source, threads, quantise }: ThreadSettings): Promise<OpenedModel> {
  const place = await locateModel(source)
  if ((await modelKind(place)) === 'decoder')
    return decoderModel(await TextWriter.open(await openDecoder(place, source), { threads, quantise }))
  throw new Error('its architecture is an encoder, and this server serves decoders only')
}

function decoderModel(writer: TextWriter): OpenedModel {
  const write = async (
    { prompt, sampling }: WriteTask,
    signal: AbortSignal,
    onPiece: (text: string) => void,
  ): Promise<Result<WriteTask>> => {
    const writing = writer.write(prompt, { ...sampling, signal })
    try {
      for await (const piece of writing) onPiece(piece)
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const { promptTokens, tokens, ended = 'stopped' } = writing
    return { promptTokens, tokens, ended }
  }
  return {
    facts: { kind: 'decoder', positions: writer.network.options.context },
    run: (task, signal, onPiece) => write(task as WriteTask, signal, onPiece) as never,
    release: () => writer.release(),
  }
}
