export { type Channel, Channels } from './channels.js'
export { channelsMigrations } from './schema.js'
export { channelKinds, type UsageOfDay, usageEntry } from './usage.js'
