import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Problem } from './errors.js'

const nowhere = '"…"'

/**
 * Makes the function that takes the places of the server's own files out of what is said to callers: they neither need
 * nor should know how its disk is laid out.
 */
export function placesHidden(dataFolder: string): (text: string) => string {
  const roots = [`${literal(dataFolder)}(?![\\w.-])`, literal(path.join(tmpdir(), 'volant'))].join('|')
  const places = new RegExp(`"(?:${roots})[^"]*"|(?:${roots})[^\\s"',;:]*`, 'g')
  return (text) => text.replaceAll(places, nowhere)
}

/** The document without places: sentences say "…", fields that hold nothing but a place are left out. */
export function withoutPlaces(problem: Problem, hide: (text: string) => string): Problem {
  const text = JSON.stringify(problem, (_name, value: unknown) => {
    if (typeof value !== 'string') return value
    return value !== nowhere && hide(`"${value}"`) === nowhere ? undefined : hide(value)
  })
  return JSON.parse(text) as Problem
}

const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
