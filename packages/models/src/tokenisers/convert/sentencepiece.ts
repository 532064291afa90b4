import { ModelsError } from '../../errors.js'

/** A piece's kind in a SentencePiece model. */
export const pieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 } as const

/** What is read of a SentencePiece model file. */
export interface SentencePieceModel {
  readonly kind: 'unigram' | 'bpe'
  readonly pieces: readonly { readonly piece: string; readonly score: number; readonly type: number }[]
  readonly byteFallback: boolean
  /** The compiled normalisation, empty where there is none. */
  readonly charsmap: Uint8Array
  readonly addDummyPrefix: boolean
  readonly removeExtraSpaces: boolean
}

type Field = { readonly number: number; readonly value: number | Uint8Array }

/** Reads a SentencePiece model: the protobuf message ModelProto of sentencepiece_model.proto. */
export function readSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  const root = fields(bytes, file)
  const pieces = root.filter((f) => f.number === 1).map((f) => pieceOf(f, file))
  const trainer = lastValues(root, 2, file)
  const normaliser = lastValues(root, 3, file)
  const kind = trainer.get(3) ?? 1
  if (pieces.length === 0) throw broken(file, 'it has no pieces')
  if (kind !== 1 && kind !== 2)
    throw new ModelsError(
      'tokeniser-part',
      `${file} is a SentencePiece model of type ${kind} (words or characters); known are 1 (unigram) and 2 (BPE).`,
      { file, kind },
    )
  return {
    kind: kind === 1 ? 'unigram' : 'bpe',
    pieces,
    byteFallback: trainer.get(35) === 1,
    charsmap: (normaliser.get(2) as Uint8Array | undefined) ?? new Uint8Array(),
    addDummyPrefix: normaliser.get(3) !== 0,
    removeExtraSpaces: normaliser.get(4) !== 0,
  }
}

function pieceOf(field: Field, file: string): SentencePieceModel['pieces'][number] {
  const values = new Map(fields(field.value as Uint8Array, file).map((f) => [f.number, f.value]))
  const score = values.get(2) as Uint8Array | undefined
  return {
    piece: Buffer.from(values.get(1) as Uint8Array).toString(),
    score: score ? new DataView(score.buffer, score.byteOffset).getFloat32(0, true) : 0,
    type: (values.get(3) as number | undefined) ?? pieceType.normal,
  }
}

/** The fields of an embedded message; of repeated ones the last. */
function lastValues(root: readonly Field[], number: number, file: string): Map<number, number | Uint8Array> {
  const message = root.findLast((f) => f.number === number)?.value as Uint8Array | undefined
  return new Map(message ? fields(message, file).map((f) => [f.number, f.value]) : [])
}

/** The fields of a protobuf message: whole numbers as numbers, all else as bytes. */
function fields(bytes: Uint8Array, file: string): Field[] {
  const found: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw broken(file, 'it ends in the middle of a field')
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    if (wire === 0) found.push({ number: Math.floor(tag / 8), value: varint() })
    else {
      const length = wire === 2 ? varint() : wire === 5 ? 4 : wire === 1 ? 8 : Number.NaN
      if (!(at + length <= bytes.length)) throw broken(file, 'a field is longer than the file')
      found.push({ number: Math.floor(tag / 8), value: bytes.subarray(at, at + length) })
      at += length
    }
  }
  return found
}

const broken = (file: string, found: string) =>
  new ModelsError('tokeniser-broken', `${file} is not a SentencePiece model: ${found}; fetch the file again.`, { file })
