import { useSyncExternalStore } from 'react'

/** The project that the address names after `#/`; `new` asks for a new one; empty: none named. */
export function useOpenProject(): string {
  return useSyncExternalStore(subscribe, () => decodeURIComponent(window.location.hash.replace(/^#\/?/, '')))
}

export function openProject(id: string): void {
  window.location.hash = `#/${encodeURIComponent(id)}`
}

function subscribe(changed: () => void): () => void {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}
