/** A pickle that cannot be read, or asks for more than data; the sentence goes on from the file's name. */
export class PickleError extends Error {
  override name = 'PickleError'
}

/** Something that a pickle names by module and name, such as a class. */
export class Global {
  constructor(readonly name: string) {}
}

/** What a pickle is made of: None is null, dicts are Maps, tuples and lists are arrays, bytes are Uint8Arrays. */
export interface PickleWorld {
  /** The names that may be asked for; any other is refused, since calling it would run code. */
  readonly globals: ReadonlySet<string>
  call(name: string, parameters: readonly unknown[]): unknown
  /** What stands for an object stored outside the pickle. */
  persistent(id: unknown): unknown
}

const mark = Symbol('mark')
const STOP = 0x2e

/**
 * Reads a pickle (protocols 2 to 5) by interpreting the opcodes that build data (Python's Lib/pickletools.py describes
 * them). Nothing is executed: opcodes that import or call anything but the few names of `world` are refused.
 *
 * @returns the value, and where the bytes of the pickle end
 */
export function readPickle(bytes: Uint8Array, world: PickleWorld, from = 0): { value: unknown; end: number } {
  const machine = new Machine(bytes, world, from)
  try {
    return { value: machine.run(), end: machine.at }
  } catch (error) {
    if (error instanceof RangeError) throw new PickleError('holds a damaged pickle (cut short?)', { cause: error })
    throw error
  }
}

class Machine {
  private readonly view: DataView
  private readonly stack: unknown[] = []
  private readonly memo = new Map<number, unknown>()

  constructor(
    private readonly bytes: Uint8Array,
    private readonly world: PickleWorld,
    /** The next byte. */
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  run(): unknown {
    for (;;) {
      const code = this.u8()
      if (code === STOP) return this.pop()
      const opcode = opcodes[code]
      if (!opcode)
        throw new PickleError(
          `holds a pickle with the opcode 0x${code.toString(16).padStart(2, '0')}, which is not one of data and would run code; it is not read`,
        )
      opcode(this)
    }
  }

  u8 = () => this.view.getUint8(this.at++)
  u16 = () => this.view.getUint16(this.skip(2), true)
  i32 = () => this.view.getInt32(this.skip(4), true)
  u32 = () => this.view.getUint32(this.skip(4), true)
  u64 = () => Number(this.view.getBigUint64(this.skip(8), true))
  f64 = () => this.view.getFloat64(this.skip(8), false)
  take = (length: number) => this.bytes.subarray(this.skip(length), this.at)
  text = (length: number) => new TextDecoder().decode(this.take(length))

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw new RangeError('no end of line')
    const text = this.text(end - this.at)
    this.at++
    return text
  }

  /** A little-endian two's complement number of `length` bytes. */
  long(length: number): number | bigint {
    let value = 0n
    for (const byte of this.take(length).toReversed()) value = (value << 8n) | BigInt(byte)
    value = BigInt.asIntN(length * 8, value)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  push = (value: unknown) => void this.stack.push(value)

  pop(): unknown {
    if (this.stack.length === 0) throw damaged()
    return this.stack.pop()
  }

  top(): unknown {
    if (this.stack.length === 0) throw damaged()
    return this.stack.at(-1)
  }

  /** What was pushed since the last mark. */
  popMarked(): unknown[] {
    const at = this.stack.lastIndexOf(mark)
    if (at < 0) throw damaged()
    const values = this.stack.splice(at)
    return values.slice(1)
  }

  put = (slot: number) => void this.memo.set(slot, this.top())
  memoise = () => this.put(this.memo.size)

  get(slot: number): void {
    if (!this.memo.has(slot)) throw damaged()
    this.push(this.memo.get(slot))
  }

  append(values: unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw damaged()
    for (const value of values) list.push(value)
  }

  setItems(values: unknown[]): void {
    const dict = this.top()
    if (!(dict instanceof Map) || values.length % 2) throw damaged()
    for (let i = 0; i < values.length; i += 2) dict.set(values[i], values[i + 1])
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw damaged()
    const full = `${module}.${name}`
    if (!this.world.globals.has(full))
      throw new PickleError(`asks for "${full}", which would run code; only tensors and plain data are read`)
    this.push(new Global(full))
  }

  reduce(): void {
    const parameters = this.pop()
    const callee = this.pop()
    if (!(callee instanceof Global) || !Array.isArray(parameters)) throw damaged()
    this.push(this.world.call(callee.name, parameters))
  }

  /** Attributes of a dict (as of a state dict: `_metadata`) are data that nobody needs. */
  build(): void {
    this.pop()
    if (!(this.top() instanceof Map))
      throw new PickleError('sets the state of an object that is not a dict, which would run code; it is not read')
  }

  persistent = () => this.push(this.world.persistent(this.pop()))

  /** A length or offset beyond the bytes is a RangeError, before anything is allocated. */
  private skip(length: number): number {
    const from = this.at
    if (!(from + length <= this.bytes.byteLength)) throw new RangeError('beyond the end')
    this.at = from + length
    return from
  }
}

const damaged = () => new PickleError('holds a damaged pickle')
const pushNew = (make: (m: Machine) => unknown) => (m: Machine) => m.push(make(m))
const lastOf = (count: number) => (m: Machine) => m.push(Array.from({ length: count }, () => m.pop()).reverse())

const opcodes: Partial<Record<number, (m: Machine) => void>> = {
  128: (m) => void m.u8(), // PROTO
  149: (m) => void m.u64(), // FRAME
  40: (m) => m.push(mark), // MARK
  48: (m) => void m.pop(), // POP
  49: (m) => void m.popMarked(), // POP_MARK
  50: (m) => m.push(m.top()), // DUP
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  74: pushNew((m) => m.i32()), // BININT
  75: pushNew((m) => m.u8()), // BININT1
  77: pushNew((m) => m.u16()), // BININT2
  138: pushNew((m) => m.long(m.u8())), // LONG1
  71: pushNew((m) => m.f64()), // BINFLOAT
  88: pushNew((m) => m.text(m.u32())), // BINUNICODE
  140: pushNew((m) => m.text(m.u8())), // SHORT_BINUNICODE
  141: pushNew((m) => m.text(m.u64())), // BINUNICODE8
  84: pushNew((m) => m.text(m.u32())), // BINSTRING
  85: pushNew((m) => m.text(m.u8())), // SHORT_BINSTRING
  66: pushNew((m) => m.take(m.u32())), // BINBYTES
  67: pushNew((m) => m.take(m.u8())), // SHORT_BINBYTES
  125: pushNew(() => new Map()), // EMPTY_DICT
  93: pushNew(() => []), // EMPTY_LIST
  41: pushNew(() => []), // EMPTY_TUPLE
  116: pushNew((m) => m.popMarked()), // TUPLE
  108: pushNew((m) => m.popMarked()), // LIST
  133: lastOf(1), // TUPLE1
  134: lastOf(2), // TUPLE2
  135: lastOf(3), // TUPLE3
  97: (m) => m.append([m.pop()]), // APPEND
  101: (m) => m.append(m.popMarked()), // APPENDS
  115: (m) => {
    const value = m.pop()
    m.setItems([m.pop(), value])
  }, // SETITEM
  117: (m) => m.setItems(m.popMarked()), // SETITEMS
  113: (m) => m.put(m.u8()), // BINPUT
  114: (m) => m.put(m.u32()), // LONG_BINPUT
  148: (m) => m.memoise(), // MEMOIZE
  104: (m) => m.get(m.u8()), // BINGET
  106: (m) => m.get(m.u32()), // LONG_BINGET
  99: (m) => m.global(m.line(), m.line()), // GLOBAL
  147: (m) => {
    const name = m.pop()
    m.global(m.pop(), name)
  }, // STACK_GLOBAL
  82: (m) => m.reduce(), // REDUCE
  98: (m) => m.build(), // BUILD
  81: (m) => m.persistent(), // BINPERSID
}
