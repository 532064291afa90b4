import type { OptionName, OptionValues } from './options.js'
import type { Terminal } from './terminal/terminal.js'

interface Argument {
  /** The last one may end with `...`: it then stands for one or more. */
  name: string
  description: string
  required: boolean
}

/** One command of `volant`: help, parsing and the call are made from it. */
export interface Command<N extends OptionName = OptionName> {
  name: string
  summary: string
  arguments: Argument[]
  options: readonly N[]
  /** Whole command lines that work, with what they do. */
  examples: [line: string, does: string][]
  /** @param args in the order of `arguments`; those not required may be undefined. */
  run(args: (string | undefined)[], options: OptionValues<N>, terminal: Terminal): Promise<void>
}

/** Declares a command; the values that `run` sees are typed by the options it names. */
export function command<const N extends OptionName>(row: Command<N>): Command {
  return row as unknown as Command
}
