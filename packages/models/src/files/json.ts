import { ModelsError } from '../errors.js'

export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What the text of a JSON file says. Throws ModelsError `code`, which names the file. */
export function parseJson(text: string, file: string, code = 'bad-config'): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ModelsError(
      code,
      `${file} is not valid JSON (${text.length} characters): ${(cause as Error).message}; fetch the file again.`,
      { file },
      { cause },
    )
  }
}

/** As `parseJson`, of a file that holds an object. */
export function parseObject(text: string, file: string, code = 'bad-config'): JsonObject {
  const value = parseJson(text, file, code)
  if (isObject(value)) return value
  throw new ModelsError(code, `${file} holds ${JSON.stringify(value).slice(0, 40)}, expected an object.`, { file })
}
