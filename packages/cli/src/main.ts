import { runCommandLine } from './program.js'
import { processTerminal } from './terminal/terminal.js'

// `volant predict … | head` closes the pipe early: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal())
