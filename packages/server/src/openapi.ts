import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { App } from './api.js'
import { openRoutes } from './page.js'

const stages: [name: string, description: string][] = [
  ['needs', 'What a project is for and what it is worth.'],
  ['collect', 'Data comes in.'],
  ['prepare', 'Data is looked at; the test set is frozen.'],
  ['train', 'Runs make model versions.'],
  ['evaluate', 'Versions are measured on the frozen test set.'],
  ['deploy', 'Versions answer on endpoints.'],
  ['serve', 'Predictions.'],
  ['improve', 'Feedback, questions, iterations, figures of the loop.'],
  ['access', 'Keys.'],
  ['language', "Language models, as OpenAI's API."],
  ['operations', 'Health and metrics.'],
]

/** Describes every route that follows from the schemas that check it: /api/openapi.json, and pages at /api/docs. */
export async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Volant',
        version: '1',
        description: 'The data flywheel over HTTP. Errors are RFC 9457 problem documents.',
        license: { name: 'Apache-2.0' },
      },
      tags: stages.map(([name, description]) => ({ name, description })),
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key of a channel.' } } },
      security: [{ key: [] }],
    },
    transform: (document) => {
      const { schema, url } = jsonSchemaTransform(document as Parameters<typeof jsonSchemaTransform>[0])
      const problem = {
        description: 'A problem document (RFC 9457).',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      }
      const { response, ...rest } = (schema ?? {}) as { response?: object }
      return {
        schema: { ...rest, ...(response && { response: { default: problem, ...response } }) } as typeof schema,
        url,
      }
    },
    transformObject: jsonSchemaTransformObject,
  })
  await app.register(async (docs) => {
    openRoutes(docs)
    docs.get('/api/openapi.json', { schema: { hide: true } as object }, async () => app.swagger())
    await docs.register(swaggerUi, {
      routePrefix: '/api/docs',
      uiConfig: { docExpansion: 'none' },
      staticCSP: true,
      transformStaticCSP: (policy) => policy.replace('upgrade-insecure-requests;', ''),
    })
  })
}
