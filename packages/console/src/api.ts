import { queryOptions } from '@tanstack/react-query'
import { VolantClient } from '@volant/client'

const KEY = 'volant-key'

function connect(): VolantClient {
  return new VolantClient({ url: window.location.origin, key: sessionStorage.getItem(KEY) ?? undefined })
}

export let client = connect()

/** Uses another key from now on; it lives as long as the tab. */
export function signIn(key: string): void {
  sessionStorage.setItem(KEY, key)
  client = connect()
}

/** Everything the page reads: key and function travel together. */
export const queries = {
  projects: () => queryOptions({ queryKey: ['projects'], queryFn: () => client.projects({ limit: 200 }) }),
  summary: (project: string) =>
    queryOptions({ queryKey: [project, 'summary'], queryFn: () => client.project(project).summary() }),
  iterations: (project: string) =>
    queryOptions({
      queryKey: [project, 'iterations'],
      queryFn: () => client.project(project).iterations({ limit: 20 }),
    }),
  form: (project: string) =>
    queryOptions({ queryKey: [project, 'form'], queryFn: () => client.project(project).form() }),
  version: (project: string, id: string) =>
    queryOptions({
      queryKey: [project, 'version', id],
      queryFn: () => client.project(project).version(id),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  questions: (project: string) =>
    queryOptions({
      queryKey: [project, 'questions'],
      queryFn: () => client.project(project).questions({ limit: 10 }),
      // A queue being answered is not reshuffled by each event.
      staleTime: Number.POSITIVE_INFINITY,
    }),
}

/** An id for feedback, made once a click, so that a repeated request counts once. */
export function newFeedbackId(): string {
  return (
    crypto.randomUUID?.() ??
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
  )
}
