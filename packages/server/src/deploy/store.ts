import { type Kysely, type Selectable, sql } from 'kysely'
import { json, type Migration, type Tables } from '../store/index.js'
import type { Endpoint } from './schema.js'

interface EndpointTable {
  project: string
  name: string
  champion: string
  challenger: Endpoint['challenger']
  shadow: string | null
  previous: string[]
  updated_at: Date
}

declare module '../store/tables.js' {
  interface Tables {
    endpoints: EndpointTable
  }
}

export const deployMigrations: Migration[] = [
  {
    name: '0150-endpoints',
    up: async (db) => {
      await sql`create table endpoints (
        project text not null references projects (id) on delete cascade, name text not null, champion text not null,
        challenger jsonb, shadow text, previous jsonb not null, updated_at timestamptz not null, primary key (project, name))`.execute(
        db,
      )
    },
  },
]

/** Writes an endpoint as it is to be from now on. */
export async function putEndpoint(db: Kysely<Tables>, project: string, endpoint: Endpoint): Promise<void> {
  const { name, champion, challenger, shadow, previous } = endpoint
  const values = {
    champion,
    challenger: json(challenger),
    shadow,
    previous: json(previous),
    updated_at: new Date(endpoint.updatedAt),
  }
  await db
    .insertInto('endpoints')
    .values({ project, name, ...values })
    .onConflict((conflict) => conflict.columns(['project', 'name']).doUpdateSet(values))
    .execute()
}

export async function findEndpoint(db: Kysely<Tables>, project: string, name: string): Promise<Endpoint | undefined> {
  const row = await db
    .selectFrom('endpoints')
    .selectAll()
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst()
  return row && view(row)
}

export async function listEndpoints(db: Kysely<Tables>, project: string): Promise<Endpoint[]> {
  const rows = await db.selectFrom('endpoints').selectAll().where('project', '=', project).orderBy('name').execute()
  return rows.map(view)
}

/** Every endpoint of every project, to warm what they serve. */
export async function allEndpoints(db: Kysely<Tables>): Promise<(Endpoint & { project: string })[]> {
  const rows = await db.selectFrom('endpoints').selectAll().execute()
  return rows.map((row) => ({ ...view(row), project: row.project }))
}

const view = ({ name, champion, challenger, shadow, previous, updated_at }: Selectable<EndpointTable>): Endpoint => ({
  ...{ name, champion, challenger, shadow, previous },
  updatedAt: updated_at.toISOString(),
})
