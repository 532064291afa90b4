/** Words of the longest part of a text: longer ones cost more and teach no more of the words in them. */
const mostWords = 48

/** A text in parts of whole sentences, none longer than some fifty words; parts without a letter or digit are left out. */
export function partsOf(text: string): string[] {
  const parts: string[] = []
  let words: string[] = []
  const end = () => {
    const part = words.join(' ')
    if (/[\p{L}\p{N}]/u.test(part)) parts.push(part)
    words = []
  }
  for (const sentence of text.split(/(?<=[.!?。！？]["')\]]?)\s+|\n+|(?<=[。！？])/u)) {
    const more = sentence.split(/\s+/).filter((word) => word !== '')
    if (words.length + more.length > mostWords) end()
    for (const word of more) {
      if (words.length === mostWords) end()
      words.push(word)
    }
  }
  end()
  return parts
}
