import { PbfReader, PbfWriter } from 'pbf'

/**
 * The part of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that we write and read, as a table: field
 * number and kind; a capital names another message, `[]` a repeated field.
 */
const messages = {
  Model: {
    irVersion: [1, 'int'],
    producer: [2, 'string'],
    graph: [7, 'Graph'],
    opsets: [8, 'Opset[]'],
    metadata: [14, 'Entry[]'],
  },
  Opset: { domain: [1, 'string'], version: [2, 'int'] },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
  Graph: {
    nodes: [1, 'Node[]'],
    name: [2, 'string'],
    initializers: [5, 'Tensor[]'],
    inputs: [11, 'ValueInfo[]'],
    outputs: [12, 'ValueInfo[]'],
  },
  Node: {
    inputs: [1, 'string[]'],
    outputs: [2, 'string[]'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attributes: [5, 'Attribute[]'],
    domain: [7, 'string'],
  },
  Attribute: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int'],
    s: [4, 'string'],
    t: [5, 'Tensor'],
    g: [6, 'Graph'],
    floats: [7, 'float[]'],
    ints: [8, 'int[]'],
    strings: [9, 'string[]'],
    type: [20, 'int'],
  },
  Tensor: {
    dims: [1, 'int[]'],
    dataType: [2, 'int'],
    floats: [4, 'float[]'],
    int32s: [5, 'int[]'],
    int64s: [7, 'int[]'],
    name: [8, 'string'],
    raw: [9, 'bytes'],
    doubles: [10, 'double[]'],
    externalData: [13, 'Entry[]'],
    dataLocation: [14, 'int'],
  },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'] },
  Type: { tensor: [1, 'TensorType'], sequence: [4, 'SequenceType'] },
  SequenceType: { element: [1, 'Type'] },
  TensorType: { elementType: [1, 'int'], shape: [2, 'Shape'] },
  Shape: { dims: [1, 'Dim[]'] },
  Dim: { value: [1, 'int'], name: [2, 'string'] },
} as const satisfies Record<string, Record<string, readonly [number, string]>>

type Messages = typeof messages
export type MessageName = keyof Messages
type Kind<K> = K extends `${infer One}[]`
  ? Kind<One>[]
  : K extends 'int' | 'float' | 'double'
    ? number
    : K extends 'string'
      ? string
      : K extends 'bytes'
        ? Uint8Array
        : K extends MessageName
          ? Message<K>
          : never
/** A message as an object; absent fields are undefined, repeated ones empty when read. */
export type Message<M extends MessageName> = {
  -readonly [F in keyof Messages[M]]?: Messages[M][F] extends readonly [number, infer K] ? Kind<K> : never
}

const wireTypes: Record<string, number> = { int: 0, double: 1, string: 2, bytes: 2, float: 5 }
const lengthDelimited = 2

const fieldsOf = (name: string) =>
  Object.entries((messages as Record<string, Record<string, readonly [number, string]>>)[name]!).map(
    ([key, [number, kind]]) => ({ key, number, kind: kind.replace('[]', ''), repeated: kind.endsWith('[]') }),
  )

const fieldTable = new Map(Object.keys(messages).map((name) => [name, fieldsOf(name)]))
const numbered = new Map([...fieldTable].map(([name, fields]) => [name, new Map(fields.map((f) => [f.number, f]))]))

export function writeMessage<M extends MessageName>(name: M, message: Message<M>): Uint8Array {
  const pbf = new PbfWriter()
  writeFields(pbf, name, message as Record<string, unknown>)
  return pbf.finish()
}

function writeFields(pbf: PbfWriter, name: string, message: Record<string, unknown>): void {
  for (const { key, number, kind, repeated } of fieldTable.get(name)!) {
    const value = message[key]
    if (value === undefined) continue
    for (const item of repeated ? (value as unknown[]) : [value]) {
      if (kind === 'int') pbf.writeVarintField(number, item as number)
      else if (kind === 'float') pbf.writeFloatField(number, item as number)
      else if (kind === 'double') pbf.writeDoubleField(number, item as number)
      else if (kind === 'string') pbf.writeStringField(number, item as string)
      else if (kind === 'bytes') pbf.writeBytesField(number, item as Uint8Array)
      else pbf.writeMessage(number, (part, inner) => writeFields(inner, kind, part), item as Record<string, unknown>)
    }
  }
}

/** Reads a message; unknown fields are skipped. Repeated numbers may be packed or not. Throws on malformed bytes. */
export function readMessage<M extends MessageName>(name: M, bytes: Uint8Array): Message<M> {
  return readFields(new PbfReader(bytes), name, bytes.byteLength) as Message<M>
}

function readFields(pbf: PbfReader, name: string, end: number): Record<string, unknown> {
  const message: Record<string, unknown> = {}
  for (const { key, repeated } of fieldTable.get(name)!) if (repeated) message[key] = []
  while (pbf.pos < end) {
    const tag = pbf.readVarint()
    const field = numbered.get(name)!.get(tag >>> 3)
    const wireType = tag & 7
    if (!field) {
      pbf.skip(tag)
      continue
    }
    const scalar = wireTypes[field.kind]
    const packed = wireType === lengthDelimited && scalar !== undefined && scalar !== lengthDelimited
    if (!packed && wireType !== (scalar ?? lengthDelimited))
      throw new Error(`field ${name}.${field.key} has a wrong wire type`)
    const items = packed ? readPacked(pbf, field.kind) : [readItem(pbf, field.kind)]
    if (field.repeated) (message[field.key] as unknown[]).push(...items)
    else message[field.key] = items.at(-1)
  }
  if (pbf.pos !== end) throw new Error(`message ${name} is cut short`)
  return message
}

function readPacked(pbf: PbfReader, kind: string): unknown[] {
  const end = pbf.readVarint() + pbf.pos
  if (end > pbf.length) throw new Error('a packed field is cut short')
  const items: unknown[] = []
  while (pbf.pos < end) items.push(readItem(pbf, kind))
  return items
}

function readItem(pbf: PbfReader, kind: string): unknown {
  if (kind === 'int') return pbf.readVarint(true)
  if (kind === 'float') return pbf.readFloat()
  if (kind === 'double') return pbf.readDouble()
  const end = pbf.pos + lengthAhead(pbf)
  if (kind === 'string') return pbf.readString()
  if (kind === 'bytes') return pbf.readBytes()
  pbf.readVarint()
  return readFields(pbf, kind, end)
}

/** Bytes of the length-delimited field at the reader's position, its length prefix included; does not move the reader. */
function lengthAhead(pbf: PbfReader): number {
  const start = pbf.pos
  const length = pbf.readVarint()
  const total = pbf.pos - start + length
  if (start + total > pbf.length) throw new Error(`a field claims ${length} bytes, more than are left`)
  pbf.pos = start
  return total
}
