export { type Channel, Channels } from './channels.js'
export { channelsMigrations } from './schema.js'
export { type TokenUse, tokenEntry, tokenKinds } from './tokens.js'
export { channelKinds, type UsageOfDay, usageEntry } from './usage.js'
