import { describe, expect, it } from 'vitest'
import { PickleError, type PickleWorld, readPickle } from './pickle.js'

const world: PickleWorld = {
  globals: new Set(['collections.OrderedDict']),
  call: (name, parameters) => ({ name, parameters }),
  persistent: (id) => ({ id }),
}
const read = (text: string) => readPickle(Buffer.from(text, 'latin1'), world).value

describe('pickle', () => {
  it('builds data', () => {
    // pickle.dumps({'a': [1, -2, 300, 2**40, -1.5, None, True], 'b': ('x', b'y')}, 4), without its frame
    const text =
      '\x80\x04}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffM\x2c\x01\x8a\x06\x00\x00\x00\x00\x00\x01G\xbf\xf8\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94\x8c\x01x\x94C\x01y\x94\x86\x94u.'
    expect(read(text)).toEqual(
      new Map<string, unknown>([
        ['a', [1, -2, 300, 2 ** 40, -1.5, null, true]],
        ['b', ['x', Buffer.from('y')]],
      ]),
    )
  })

  it('calls what is allowed and hands over persistent ids', () => {
    expect(read('\x80\x02ccollections\nOrderedDict\n)R.')).toEqual({
      name: 'collections.OrderedDict',
      parameters: [],
    })
    expect(read('\x80\x02K\x07Q.')).toEqual({ id: 7 })
  })

  it.each([
    ['os.system by GLOBAL', 'cposix\nsystem\n(X\x02\x00\x00\x00lstR.', 'asks for "posix.system", which would run code'],
    ['eval by STACK_GLOBAL', '\x8c\x08builtins\x8c\x04eval\x93.', 'asks for "builtins.eval", which would run code'],
    ['an instance by INST', '(iposix\nsystem\n.', 'the opcode 0x69, which is not one of data and would run code'],
    ['NEWOBJ', 'ccollections\nOrderedDict\n)\x81.', 'the opcode 0x81'],
    ['state of an object', 'ccollections\nOrderedDict\n}b.', 'sets the state of an object'],
    ['a call of something else', '}(tR.', 'damaged'],
    ['no end', '}', 'damaged pickle (cut short?)'],
    ['a text of 2^60 bytes', '\x8d\x00\x00\x00\x00\x00\x00\x00\x10.', 'damaged pickle (cut short?)'],
    ['a memo that is not there', 'h\x05.', 'damaged'],
    ['an empty stack', '.', 'damaged'],
    ['a name that is no text', '((\x93.', 'damaged'],
  ])('refuses %s', (_name, text, message) => {
    expect(() => read(text)).toThrow(PickleError)
    expect(() => read(text)).toThrow(message)
  })
})
