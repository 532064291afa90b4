import { VolantError } from '@volant/data'

/** What a key may be allowed to do. `write` includes `read`; `admin` includes all. */
export const scopes = ['predict', 'feedback', 'read', 'write', 'admin'] as const
export type Scope = (typeof scopes)[number]

const includes: Record<Scope, readonly Scope[]> = {
  predict: ['predict'],
  feedback: ['feedback'],
  read: ['read'],
  write: ['write', 'read'],
  admin: scopes,
}

/** Who asks. */
export interface Principal {
  /** null: no key, let in because the request comes from this machine. */
  keyId: string | null
  channel: string
  scopes: readonly Scope[]
  /** null: all projects. */
  project: string | null
  /** The person this server belongs to. */
  owner: boolean
}

/** Throws `scope-missing` unless the principal may do `scope` on `project` (undefined: on the server as a whole). */
export function allow(principal: Principal, scope: Scope, project?: string): void {
  if (principal.project !== null && principal.project !== project) {
    const asked = project === undefined ? 'what concerns the whole server' : `project "${project}"`
    const sentence = `This key is for project "${principal.project}" only, not for ${asked}.`
    throw new VolantError('scope-missing', sentence, { scope, keyProject: principal.project, project })
  }
  if (principal.scopes.some((own) => includes[own].includes(scope))) return
  const has = principal.scopes.map((own) => `"${own}"`).join(', ')
  throw new VolantError('scope-missing', `This needs the scope "${scope}"; the key has ${has || 'none'}.`, {
    scope,
    scopes: principal.scopes,
  })
}
