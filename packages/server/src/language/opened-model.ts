import { modelKind, openDecoder, openEncoder, TextEmbedder, TextWriter } from '@volant/models'
import {
  type EmbedTask,
  LONGEST_TOKEN,
  type OpenedFacts,
  type Result,
  type Task,
  type ThreadSettings,
  type WriteTask,
} from './messages.js'

/** A loaded model; it does one task at a time. */
export interface OpenedModel {
  readonly facts: OpenedFacts
  /** `onPiece` gets a text while it is written. An aborted text ends with what there is. */
  run<T extends Task>(task: T, signal: AbortSignal, onPiece: (text: string) => void): Promise<Result<T>>
  release(): Promise<void>
}

/** Opens the model of a folder or a file. Throws ModelsError. */
export async function openModel(
  place: string,
  { name, adapters, threads, quantise }: Omit<ThreadSettings, 'source'>,
): Promise<OpenedModel> {
  if ((await modelKind(place)) === 'decoder') {
    const unread: Record<string, string> = {}
    const onUnread = (folder: string, { message }: Error) => {
      unread[folder] = message
    }
    const options = { threads, quantise, adapters, onUnread }
    return decoderModel(await TextWriter.open(await openDecoder(place, name), options), unread)
  }
  if (adapters.length > 0) throw new Error('it is an encoder, and adapters are served on decoders only')
  if (quantise === '4bit') throw new Error('it is an encoder, whose weights are float32 or int8, not 4bit')
  const encoder = await openEncoder(place, name)
  // This is a thread of its own already.
  const embedder = await TextEmbedder.open(encoder, { threads, worker: false, ...(quantise && { quantise }) })
  return encoderModel(embedder, encoder.description.longest)
}

function decoderModel(writer: TextWriter, unread: Readonly<Record<string, string>>): OpenedModel {
  const write = async (
    { prompt, sampling, adapter = 0 }: WriteTask,
    signal: AbortSignal,
    onPiece: (text: string) => void,
  ): Promise<Result<WriteTask>> => {
    const writing = writer.write(prompt, { ...sampling, adapter, signal })
    try {
      for await (const piece of writing) onPiece(piece)
    } catch (error) {
      if (error !== signal.reason) throw error
    }
    const { promptTokens, tokens, ended = 'stopped' } = writing
    return { promptTokens, tokens, ended }
  }
  return {
    facts: { kind: 'decoder', positions: writer.network.options.context, unread },
    run: (task, signal, onPiece) => write(task as WriteTask, signal, onPiece) as never,
    release: () => writer.release(),
  }
}

/** Texts are cut after `longest` tokens; what lies far beyond is not even divided into tokens. */
function encoderModel(embedder: TextEmbedder, longest: number): OpenedModel {
  const embed = ({ texts }: EmbedTask, signal: AbortSignal) =>
    embedder.embed(
      texts.map((text) => text.slice(0, longest * LONGEST_TOKEN)),
      { signal },
    )
  return {
    facts: { kind: 'encoder', width: embedder.width },
    run: (task, signal) => embed(task as EmbedTask, signal) as never,
    release: () => embedder.release(),
  }
}
