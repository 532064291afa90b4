/** How GPT-2 splits a text into words before byte-level BPE: a word takes the space before it. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** The character that stands for each byte: printable ones for themselves, the others from U+0100 on. */
export const byteCharacters: readonly string[] = characters()

/** The byte of each such character. */
export const bytesOfCharacters: ReadonlyMap<string, number> = new Map(byteCharacters.map((c, byte) => [c, byte]))

const encoder = new TextEncoder()

/** Other characters than visible ASCII, written in this way before. */
const written = new Map<string, string>()

/** A text as the characters that stand for its UTF-8 bytes. */
export function byteLevel(text: string): string {
  return text.replace(/[^!-~]/gu, (character) => {
    let bytes = written.get(character)
    if (bytes === undefined) {
      bytes = Array.from(encoder.encode(character), (byte) => byteCharacters[byte]).join('')
      written.set(character, bytes)
    }
    return bytes
  })
}

function characters(): string[] {
  let shifted = 0x100
  const visible = (b: number) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(visible(byte) ? byte : shifted++))
}
