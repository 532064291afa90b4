import { readFileSync } from 'node:fs'
import { VolantError } from '@volant/data'
import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Command } from './command.js'
import { demo } from './commands/demo.js'
import { distil } from './commands/distil.js'
import { embed } from './commands/embed.js'
import { embedEvaluate } from './commands/embed-evaluate.js'
import { embedTrain } from './commands/embed-train.js'
import { evaluate } from './commands/evaluate.js'
import { generate } from './commands/generate.js'
import { improve } from './commands/improve.js'
import { init } from './commands/init.js'
import { instruct } from './commands/instruct.js'
import { models } from './commands/models.js'
import { predict } from './commands/predict.js'
import { pretrainCommand } from './commands/pretrain.js'
import { profileCommand } from './commands/profile.js'
import { rollback } from './commands/rollback.js'
import { train } from './commands/train.js'
import { up } from './commands/up.js'
import { type OptionName, type OptionRow, optionTable } from './options.js'
import { Stopped, type Terminal } from './terminal/terminal.js'
import { Usage } from './usage.js'

/** Every command, in the order of the loop. */
export const commands: Command[] = [
  init,
  profileCommand,
  models,
  pretrainCommand,
  distil,
  train,
  evaluate,
  predict,
  generate,
  instruct,
  embed,
  embedEvaluate,
  embedTrain,
  up,
  improve,
  rollback,
  demo,
]

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** Builds the parser from the tables of commands and options. */
function program(terminal: Terminal): Commander {
  const root = new Commander('volant')
    .description('Start on a large model. Own a small one that your users keep improving.')
    .version(version, '-V, --version')
    // Else `volant rollback desk --version <id>` would be taken for a question about the program.
    .enablePositionalOptions()
    .showHelpAfterError('(see --help)')
    .configureOutput({
      writeErr: (text) => terminal.note(text.trimEnd()),
      writeOut: (text) => terminal.print(text.trimEnd()),
    })
    .addHelpText('after', '\nStart with:  volant demo   or   volant train tickets.csv --outputs queue --out model')
    .exitOverride()
  for (const row of commands) root.addCommand(subcommand(row, terminal).copyInheritedSettings(root))
  return root
}

function subcommand(row: Command, terminal: Terminal): Commander {
  const sub = new Commander(row.name).description(row.summary)
  for (const { name, description, required } of row.arguments) {
    sub.argument(required ? `<${name}>` : `[${name}]`, description)
  }
  for (const name of row.options) sub.addOption(option(name))
  const width = Math.max(...row.examples.map(([line]) => line.length))
  const examples = row.examples.map(([line, does]) => `  ${line.padEnd(width)}   ${does}`)
  sub.addHelpText('after', `\nExamples:\n${examples.join('\n')}`)
  sub.action(async (...all: unknown[]) => {
    const args = all.slice(0, row.arguments.length).flat() as (string | undefined)[]
    const parsed = sub.opts<Record<string, unknown>>()
    // Commander turns --no-refit into refit=false.
    const values = { ...parsed, ...(parsed['refit'] === false && { noRefit: true }) }
    await row.run(args, values, terminal)
  })
  return sub
}

function option(name: OptionName): Option {
  const { flags, description, parse }: OptionRow<unknown> = optionTable[name]
  const made = new Option(flags, description)
  if (!flags.includes('<')) return made
  return made.argParser((text: string, before: unknown) => {
    try {
      return parse(text, before)
    } catch (error) {
      if (error instanceof Usage) throw new InvalidArgumentError(error.message)
      throw error
    }
  })
}

/** Runs a command line. @returns the exit code: 0 success, 2 wrong usage, 1 anything else. */
export async function runCommandLine(argv: string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof Usage) {
      terminal.note(`volant: ${error.message} (see --help)`)
      return 2
    }
    // Whatever was cut short by Ctrl-C says so in its own way, or is the abort itself.
    if (terminal.signal.aborted) {
      terminal.note(`volant: ${error instanceof VolantError ? error.message : new Stopped().message}`)
      return 130
    }
    terminal.note(`volant: ${sentence(error)}`)
    return 1
  }
}

/** One line for a person. What we did not expect also shows where it happened, so that it can be reported. */
function sentence(error: unknown): string {
  if (error instanceof VolantError) return error.message
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
