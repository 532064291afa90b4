/** What stands in place of a contact. */
export const EMAIL_MARK = '[email]'
export const PHONE_MARK = '[phone]'

/**
 * Replaces e-mail addresses by [email] and phone numbers (international, North American, European, Chinese) by [phone].
 * Dates, times, prices, IP addresses, card numbers and order numbers stay. Bare digits count as a phone number when
 * they are a Chinese mobile number or when a word such as "call" or "电话" stands just before them. Linear in the length.
 */
export function maskContacts(text: string): string {
  const masked = text.includes('@') ? maskEmails(text) : text
  return /\d/.test(masked) ? maskPhones(masked) : masked
}

const localPart = /[A-Za-z0-9._%+'À-ɏ&=!#$*/?^`{|}~-]/
const domainPart = /^(?:[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ-]{0,62})\.){1,8}[A-Za-zÀ-ɏ]{2,24}/

function maskEmails(text: string): string {
  let out = ''
  let done = 0
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const domain = domainPart.exec(text.slice(at + 1, at + 256))?.[0]
    let start = at
    while (start > done && start > at - 64 && localPart.test(text[start - 1]!)) start--
    while (start < at && /[.'/&=!#$*?^`{|}~%-]/.test(text[start]!)) start++
    if (domain === undefined || start === at) continue
    out += text.slice(done, start) + EMAIL_MARK
    done = at + 1 + domain.length
  }
  return out + text.slice(done)
}

const extension = String.raw`(?:\s?(?:x|ext\.?|转|分机)\s?\d{1,6})?`
const gap = String.raw`[\s.\-–/]`

/** Shapes that are phone numbers as they stand. */
const shapes = [
  String.raw`\+\s?\(?\d{1,4}\)?(?:${gap}{0,2}\(?\d{1,5}\)?){1,7}`,
  String.raw`00[1-9]\d{0,2}(?:${gap}\(?\d{1,5}\)?){2,6}`,
  String.raw`(?:(?:00)?86[\s-]?)?1[3-9]\d(?:[\s-]?\d{4}){2}`,
  String.raw`(?:1[\s.-])?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}`,
  String.raw`\(0\d{1,4}\)(?:${gap}?\d{2,8}){1,4}`,
  String.raw`0\d{1,4}(?:${gap}\(?\d{2,8}\)?){1,4}`,
].map((shape) => shape + extension)
const phone = new RegExp(
  String.raw`(?<![\p{Script=Latin}\d+@#_]|\d[.,:/-])(?:${shapes.join('|')})(?!\d|[.,:/-]\d|[\p{Script=Latin}_@])`,
  'gu',
)

/** Bare digits after a word that announces a phone number. */
const announced = new RegExp(
  String.raw`(\b(?:phone|telephone|tel|mobile|cell|cellphone|fax|call|dial|ring|text|whatsapp|sms)\b|电话|手机|致电|联系方式|传真|座机|微信)((?:\s+(?:me|us|him|her|them|now|number|no|is|at|on|to))*[\s.:：#]*(?:[号码是为][\s:：]*)*)(\(?\d(?:[\s().-]?\d){6,12}${extension})(?![\d\p{Script=Latin}_@]|[.,:/-]\d)`,
  'giu',
)

function maskPhones(text: string): string {
  const masked = text.replace(phone, (found) => (isPhone(found) ? PHONE_MARK : found))
  return masked.replace(announced, (found, word: string, between: string, digits: string) =>
    isDate(digits) || isAddress(digits) ? found : `${word}${between}${PHONE_MARK}`,
  )
}

function isPhone(found: string): boolean {
  const number = found.replace(/\s?(?:x|ext|转|分机).*$/u, '')
  const digits = number.replace(/\D/g, '')
  if (digits.length < (number.startsWith('0') || number.startsWith('(') ? 9 : 8) || digits.length > 15) return false
  return !isDate(number) && !isAddress(number)
}

/** Dates such as 2024-03-01, 01.03.2024, 01/03/24, also with a time behind them. */
function isDate(text: string): boolean {
  return /(?<!\d)(?:(?:19|20)\d{2}[-./\s]\d{1,2}[-./\s]\d{1,2}|\d{1,2}[-./\s]\d{1,2}[-./\s](?:19|20)\d{2})(?!\d)/.test(
    text,
  )
}

function isAddress(text: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)
}
