export { type Channel, type ChannelSettings, Channels } from './channels.js'
export type { Quota } from './quota.js'
export { channelsMigrations } from './schema.js'
export { channelKinds, type Usage, type UsageOfDay, usageEntry } from './usage.js'
