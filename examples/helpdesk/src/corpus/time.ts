import type { Headers } from './mime.js'

/**
 * When the mail reached the mailbox, in ms since 1970: the newest Received line with a readable time. That line was
 * written by the receiving machine; Date comes from the sender's clock (months off in some mails) and is only the last resort.
 */
export function deliveredAt(headers: Headers): number | undefined {
  const received = (headers.get('received') ?? []).map((line) => parseTime(line.slice(line.lastIndexOf(';') + 1)))
  return received.find((time) => time !== undefined) ?? parseTime(headers.get('date')?.[0] ?? '')
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const zones: Record<string, number> = {
  UT: 0,
  UTC: 0,
  GMT: 0,
  IST: 60,
  BST: 60,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
}

/** A mail time, `Mon, 22 Jul 2002 17:02:03 +0100 (IST)` (RFC 5322), in ms since 1970. */
export function parseTime(text: string): number | undefined {
  const match =
    /(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{2,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([+-]\d{4}|[A-Z]{2,4})?/.exec(text)
  if (!match) return undefined
  const [, day, name = '', year = '', hour, minute, second = '0', zone = 'UTC'] = match
  const month = months.indexOf(name.toLowerCase())
  if (month < 0) return undefined
  const fullYear = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 70 ? 2000 : 1900)
  return Date.UTC(fullYear, month, Number(day), Number(hour), Number(minute), Number(second)) - offset(zone) * 60_000
}

function offset(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2})(\d{2})$/.exec(zone) ?? []
  if (!sign) return zones[zone] ?? 0
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}
