// Kills a server 50 times (or VOLANT_KILLS times) at random moments and looks for what it had acknowledged.
process.env.VOLANT_KILLS ??= '50'
process.argv.push('packages/server/src/kill9.test.ts')
await import('./test.mjs')
