import type { ChatMessage, JsonSchema } from '@volant/models'

/** What a model thread opens. */
export interface ThreadSettings {
  /** What callers know it by. */
  name: string
  /** A model's folder, a .gguf file, or a name on the hub. */
  source: string
  /** Folders of PEFT adapters on the weights of a decoder. */
  adapters: readonly string[]
  threads: number
  quantise?: 'int8' | '4bit'
}

/** Characters that the longest tokens of vocabularies have. */
export const LONGEST_TOKEN = 256

/** What an opened model is. */
export type OpenedFacts =
  /** `unread`: adapters that cannot be read, with the reason, by folder. */
  { kind: 'decoder'; positions: number; unread: Readonly<Record<string, string>> } | { kind: 'encoder'; width: number }

/** `place`: where its files are on this machine. */
export type ModelFacts = OpenedFacts & { place: string }

export interface Sampling {
  maxTokens: number
  temperature?: number
  topP?: number
  topK?: number
  repetitionPenalty?: number
  stop?: string[]
  seed: number
  schema?: JsonSchema
}

/** A text to write: after a conversation or a prompt. */
export interface WriteTask {
  kind: 'write'
  prompt: string | ChatMessage[]
  sampling: Sampling
  /** The place of the adapter that writes, counted from 1; 0 or absent: none. */
  adapter?: number
}

/** Texts to make vectors of. */
export interface EmbedTask {
  kind: 'embed'
  texts: string[]
  /** Numbers that the caller wants a vector to have; default the model's. */
  width?: number
}

export type Task = WriteTask | EmbedTask

export interface Written {
  promptTokens: number
  tokens: number
  /** `stopped`: nobody waits for it any more. */
  ended: 'stop' | 'length' | 'stopped'
}

export interface Embedded {
  vectors: Float32Array[]
  tokens: number
}

/** What a task gives. */
export type Result<T extends Task> = T extends WriteTask ? Written : Embedded

export type ToModel = { kind: 'do'; id: number; task: Task } | { kind: 'stop'; id: number } | { kind: 'close' }
export type FromModel =
  | { kind: 'ready'; facts: ModelFacts }
  /** `place` as in `ModelFacts`, where it was found. */
  | { kind: 'broken'; message: string; place: string | undefined }
  | { kind: 'piece'; id: number; text: string }
  | { kind: 'done'; id: number; result: Written | Embedded }
  | { kind: 'failed'; id: number; code: string | undefined; message: string }
