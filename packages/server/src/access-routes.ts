import { z } from 'zod'
import { type Access, allow, type Key, ownChannel, scopes } from './access/index.js'
import type { App } from './api.js'
import type { Channel, Channels } from './channels/index.js'
import { refuse } from './errors.js'
import { id, name, pageOf, paging, timeText } from './schema.js'

const tags = ['access']
const scope = z.enum(scopes)
const channelName = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u, { error: 'expected letters, digits, ".", "_", "-", at most 63' })

const newKey = z.strictObject({ name, channel: channelName, scopes: z.array(scope).min(1), project: id.optional() })
const key = z
  .object({
    id: z.string(),
    name: z.string(),
    channel: z.string(),
    project: z.string().nullable(),
    scopes: z.array(scope),
    prefix: z.string(),
    createdAt: timeText,
    lastUsedAt: timeText.nullable(),
    revokedAt: timeText.nullable(),
  })
  .meta({ id: 'Key' })
const madeKey = key.extend({ key: z.string().meta({ description: 'The key itself, shown this once.' }) })
const quota = z.object({ predictions: z.number().int().min(0), per: z.enum(['day', 'month']) }).nullable()
const channelSettings = z.strictObject({
  kind: name.optional(),
  plan: name.nullable().optional(),
  quota: quota.optional(),
})
const channelSchema = z
  .object({
    name: z.string(),
    kind: z.string(),
    plan: z.string().nullable(),
    quota,
    createdAt: timeText,
    updatedAt: timeText,
  })
  .meta({
    id: 'Channel',
    description: 'How a model reaches its users; the quota counts predictions of a UTC day or month.',
  })
const me = z.object({ channel: z.string(), scopes: z.array(scope), project: z.string().nullable(), owner: z.boolean() })

/** Keys and channels: who may come in through what, and how much. */
export function accessRoutes(app: App, { access, channels }: { access: Access; channels: Channels }): void {
  app.route({
    method: 'POST',
    url: '/keys',
    config: { scope: 'admin' },
    schema: { tags, summary: 'Make a key for a channel', body: newKey, response: { 201: madeKey } },
    handler: async ({ body, principal }, reply) => {
      if (body.project === undefined) allow(principal, 'admin')
      await channels.ensure(body.channel)
      const made = await access.create(body)
      return reply.code(201).send({ ...view(made), key: made.key })
    },
  })
  app.route({
    method: 'GET',
    url: '/keys',
    config: { scope: 'admin' },
    schema: { tags, summary: 'List keys', querystring: paging, response: { 200: pageOf(key) } },
    handler: async ({ query }) => {
      const { items, next } = await access.list(query)
      return { items: items.map(view), next }
    },
  })
  app.route({
    method: 'DELETE',
    url: '/keys/:id',
    config: { scope: 'admin' },
    schema: { tags, summary: 'Revoke a key', params: z.object({ id }), response: { 204: z.null() } },
    handler: async ({ params }, reply) => {
      if (!(await access.revoke(params.id))) throw refuse('unknown-key', `There is no key "${params.id}".`)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/channels',
    config: { scope: 'admin' },
    schema: { tags, summary: 'List channels', response: { 200: pageOf(channelSchema) } },
    handler: async () => ({ items: channels.list().map(channelView), next: null }),
  })
  app.route({
    method: 'PUT',
    url: '/channels/:name',
    config: { scope: 'admin' },
    schema: {
      tags,
      summary: 'Set kind, plan and quota of a channel',
      params: z.object({ name: channelName }),
      body: channelSettings,
      response: { 200: channelSchema },
    },
    handler: async ({ params, body }) => {
      await channels.ensure(params.name, body)
      return channelView((await channels.update(params.name, body))!)
    },
  })
  app.route({
    method: 'DELETE',
    url: '/channels/:name',
    config: { scope: 'admin' },
    schema: {
      tags,
      summary: 'End a channel: its keys are revoked, its settings forgotten; its usage stays',
      params: z.object({ name: channelName }),
      response: { 204: z.null() },
    },
    handler: async ({ params: { name } }, reply) => {
      if (name === ownChannel)
        throw refuse('bad-request', `"${name}" is the channel of the server's owner and cannot be ended.`)
      const revoked = await access.revokeChannel(name)
      if (!(await channels.remove(name)) && revoked === 0)
        throw refuse('unknown-channel', `There is no channel "${name}".`, { channel: name })
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/me',
    config: { scope: 'any' },
    schema: { tags, summary: 'Who the server takes you for', response: { 200: me } },
    handler: async ({ principal }) => ({ ...principal, scopes: [...principal.scopes] }),
  })
}

function channelView({ createdAt, updatedAt, ...channel }: Channel): z.output<typeof channelSchema> {
  return { ...channel, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

function view({
  id,
  name,
  channel,
  project,
  scopes,
  prefix,
  createdAt,
  lastUsedAt,
  revokedAt,
}: Key): z.output<typeof key> {
  const iso = (date: Date | null) => date?.toISOString() ?? null
  return {
    id,
    name,
    channel,
    project,
    scopes,
    prefix,
    createdAt: createdAt.toISOString(),
    lastUsedAt: iso(lastUsedAt),
    revokedAt: iso(revokedAt),
  }
}
