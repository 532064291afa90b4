/** What stands in place of a contact. */
const EMAIL_MARK = '[email]'
const PHONE_MARK = '[phone]'

/**
 * Replaces e-mail addresses by [email] and phone numbers (international, North American, European, Chinese) by [phone].
 * Dates, times, prices, IP addresses, card numbers and order numbers stay. Bare digits count as a phone number when
 * they are a Chinese mobile number or when a word such as "call" or "电话" stands just before them. Linear in the length.
 */
export function maskContacts(text: string): string {
  const masked = text.includes('@') ? maskEmails(text) : text
  return /[\d０-９]/.test(masked) ? maskPhones(masked) : masked
}

const localPart = /[A-Za-z0-9._%+'À-ɏ&=!#$*/?^`{|}~-]/
const domainPart = /^(?:[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ-]{0,62})\.){1,8}[A-Za-zÀ-ɏ]{2,24}/

/** Names of pictures for screens of several densities, such as logo@2x.png. */
const fileName = /\.(?:png|jpe?g|gif|svg|webp)$/i

function maskEmails(text: string): string {
  let out = ''
  let done = 0
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const domain = domainPart.exec(text.slice(at + 1, at + 256))?.[0]
    let start = at
    while (start > done && start > at - 64 && localPart.test(text[start - 1]!)) start--
    while (start < at && /[.'/&=!#$*?^`{|}~%-]/.test(text[start]!)) start++
    if (domain === undefined || start === at || fileName.test(domain)) continue
    out += text.slice(done, start) + EMAIL_MARK
    done = at + 1 + domain.length
  }
  return out + text.slice(done)
}

const extension = String.raw`(?:[ \u00a0]?(?:x|ext\.?|转|分机)[ \u00a0]?\d{1,6})?`
const gap = String.raw`[ \u00a0.\-–/]`

/** Shapes that are phone numbers as they stand: +…, 00…, Chinese mobile, North American, (area) and 0-area numbers. */
const shapes = [
  String.raw`\+ ?\(?\d{1,4}\)?(?:${gap}{0,2}\(?\d{1,5}\)?){1,7}`,
  String.raw`00[1-9]\d{0,2}(?:${gap}\(?\d{1,5}\)?){2,6}`,
  String.raw`(?:(?:00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}`,
  String.raw`(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}`,
  String.raw`\(\d{2,5}\)${gap}?\d{3,8}(?:${gap}\d{2,5}){0,3}`,
  String.raw`0\d{1,4}(?:${gap}\(?\d{2,8}\)?){1,4}`,
].map((shape) => shape + extension)
const before = String.raw`(?<![\p{Script=Latin}\d+@#_$€£¥]|\d[.,:/-]|(?<!\d)\d{4} )`
const behind = String.raw`(?!\d|[.,:/-]\d|[\p{Script=Latin}_@%])`
const phone = new RegExp(`${before}(?:${shapes.join('|')})${behind}`, 'gu')

/** Digits in any grouping after a word that announces a phone number, or before one that names its place. */
const loose = String.raw`\(?\d(?:[ \u00a0().\-–/]{0,2}\d){6,12}`
const places = '(?:office|desk|home|mobile|cell|fax|direct line|座机|手机)'
const announced = new RegExp(
  String.raw`((?:\b(?:tele)?phone|\b(?:tel|mobile|cell|cellphone|fax|whatsapp|landline|hotline|office|desk)|\b(?:call|dial|ring|text|phone|reach|contact|sms)(?: (?:me|us|him|her|them|back|now))?(?: (?:on|at|to))?|\b(?:answering|calls?|messages?|texts?|reached) (?:on|at|to|from)|电话|手机|致电|联系方式|传真|座机|微信)(?: (?:number|no|is|at|on))*[\s.:：#]*(?:(?:号码?|是|为)[\s:：]*)*)(${loose}${extension})${behind}`,
  'giu',
)
const placed = new RegExp(String.raw`${before}(${loose})(?=[ \u00a0]?-?[ \u00a0]?${places}(?!\p{L}))`, 'giu')

function maskPhones(text: string): string {
  return withNarrowDigits(text)
    .replace(phone, (found, at: number, whole: string) =>
      isPhone(found) && !otherNumber.test(whole.slice(Math.max(0, at - 20), at)) ? PHONE_MARK : found,
    )
    .replace(announced, (found, words: string, digits: string) => (isOther(digits) ? found : words + PHONE_MARK))
    .replace(placed, (found) => (isOther(found) ? found : PHONE_MARK))
}

/** Words just before a number that is no phone number. */
const otherNumber =
  /(?:\b(?:order|invoice|po|vat|ref|reference|ticket|case|price|serial|sn|s\/n|iban|isbn|account|acct|tracking|parcel|policy|section|version)|订单|单号|编号|账号|价格)(?: ?(?:no|nr|number|id))?[\s.:：#号是为]*$/iu

/** Full-width digits of a long number as plain ones. */
function withNarrowDigits(text: string): string {
  const narrow = (wide: string) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)
  return text.replace(/[＋（]?[０-９][０-９－（） ]{6,24}/g, (number) => number.replace(/[\uff01-\uff5e]/g, narrow))
}

function isPhone(found: string): boolean {
  const number = found.replace(/[ \u00a0]?(?:x|ext|转|分机).*$/u, '')
  const digits = number.replace(/\D/g, '')
  const least = number.startsWith('+') ? 8 : 9
  return digits.length >= least && digits.length <= 15 && !isOther(number)
}

/** Dates (2024-03-01, 01.03.2024, also with a time behind), IP addresses, American social security numbers, book numbers. */
function isOther(text: string): boolean {
  return (
    /(?<!\d)(?:(?:19|20)\d{2}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d{2})(?!\d)/.test(text) ||
    /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) ||
    /^\d{3}-\d{2}-\d{4}$/.test(text) ||
    /^97[89][- ]/.test(text)
  )
}
