import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { client, queries } from '../api'

/** Pause in ms before listening again, and the least time between two refreshes. */
const AGAIN_MS = 2000
const REFRESH_MS = 400

/** Keeps what is shown of a project fresh: each event of the server refreshes it. */
export function useLiveProject(project: string): void {
  const queryClient = useQueryClient()
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const refresh = (withForm: boolean) => {
      timer ??= setTimeout(() => {
        timer = undefined
        void queryClient.invalidateQueries({ queryKey: queries.summary(project).queryKey })
        void queryClient.invalidateQueries({ queryKey: queries.iterations(project).queryKey })
        if (withForm) void queryClient.invalidateQueries({ queryKey: queries.form(project).queryKey })
      }, REFRESH_MS)
    }
    const listen = async () => {
      while (!stop.signal.aborted) {
        try {
          for await (const event of client.project(project).events(stop.signal)) {
            refresh(event.kind === 'endpoint')
            if (event.kind === 'endpoint')
              void queryClient.invalidateQueries({ queryKey: queries.questions(project).queryKey })
          }
        } catch {
          // The server stopped or the line broke: the queries show that; here we only try again.
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
        if (!stop.signal.aborted) refresh(true)
      }
    }
    void listen()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [project, queryClient])
}
