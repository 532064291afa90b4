export { type Channel, Channels } from './channels.js'
export { channelsMigrations } from './schema.js'
export { channelKinds, usageEntry } from './usage.js'
