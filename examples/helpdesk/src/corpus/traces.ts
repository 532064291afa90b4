import { cleanText } from '@volant/data'

// What a mail carries of the list it came over, taken out of subject and body. It is done to every mail alike, spam too,
// so that the removal itself tells nothing.

/**
 * Names of the lists, and the words they are named after (ILUG, razor-users, rpm-list …), wherever they stand: whoever reads
 * "razor" in a mail to razor-users has read the address.
 */
const listNames = [
  /friends of rohit khare|irish linux users'? group/gi,
  /\b(fork(ers?|ed|s|ing)?|ilug|sa-?talk|zzzz\w*|yahoo-?groups?)\b|\w*forteana\w*/gi,
  /\w*(razor|exmh|spam-?assassin|freshrpms)[\w-]*|\b(zzz)?rpms?(-list|-zzzlist)?\b/gi,
]

/**
 * The sender's address, lower case, without list names in it (`cwg-exmh@…` is `cwg@…`), without a "+" part, and with the hosts of
 * the list servers masked; empty when there is none.
 */
export function senderWithoutTraces(from: string): string {
  const inner = from.replace(/^.*<([^<>]*@[^<>]*)>.*$/s, '$1')
  const [, local = '', host = ''] = /([\w.+=&'%!#/-]+)@([\w-]+(?:\.[\w-]+)*)/.exec(inner.toLowerCase()) ?? []
  if (!host) return ''
  const name = plain(local.replace(/\+.*/, '').replace(/_/g, '-'))
    .replace(/^[\s.-]+|[\s.-]+$/g, '')
    .replace(/\s+/g, '')
  return `${name || 'somebody'}@${plain(host).trim() ? host : 'masked.invalid'}`
}

/** Addresses of the web that belong to a list, its archive or its server; and everything at the corpus's masked domain. */
const listUrls =
  /(https?:\/\/|www\.)\S*(xent\.com|linux\.ie|tuatha\.org|freshrpms\.net|sourceforge\.net\/(mail|lists|projects\/(razor|spamass))|listman|listinfo|mailman|yahoogroups|groups\.yahoo|egroups|taint\.org|jmason\.org|spamassassin\.org|geocrawler|razor\.sourceforge)\S*/gi

const hosts =
  /\b[\w-]*\.?(xent\.com|linux\.ie|tuatha\.org|freshrpms\.net|taint\.org|jmason\.org|netnoteinc\.com|lists?\.sourceforge\.net|example\.sourceforge\.net|yahoogroups\.com|spamassassin\.org)\b/gi

const address = /<?(mailto:)?[\w.+=&'%!#/-]+(@| at )[\w-]+(\.[\w-]+)+>?/gi

/** Lines that list servers and mail programs add, with or without quote marks before them. */
const addedLine = new RegExp(
  [
    '^_{10,}$',
    '(un)?subscri|mailing list|listinfo|list maintainer|list archive|list info',
    'yahoo! ?groups|sf\\.net email|sourceforge.*sponsor',
    '^-+ ?(original message|forwarded (message|by).*|end of forwarded message|inline attachment follows) ?-*$',
    '^(from|to|cc|bcc|sent|date|reply-to|sender|subject|message-id|x-[\\w-]+|list-[\\w-]+|delivered-to|received|return-path|errors-to|in-reply-to|references|content-[\\w-]+|mime-version):(\\s|$)',
    '(wrote|writes|said|says|asked|asks|schrieb|typed|spake thusly|écrit)( \\w+)?\\s*:?$',
    '^(on|at|in) .{0,60}\\b(19|20)\\d\\d\\b.*$',
  ].join('|'),
  'i',
)

const blocks = [
  /-----BEGIN PGP SIGNATURE-----[\s\S]*?(-----END PGP SIGNATURE-----|$)/g,
  /-----BEGIN PGP SIGNED MESSAGE-----\n(Hash:.*\n)?/g,
  /^[> ]*-+ Yahoo! Groups Sponsor -+[\s\S]*?-{20,}~?->?/gm,
  /^[> ]*-{20,}\n[> ]*This (sf|sourceforge)\.net email is sponsored[\s\S]*?(?=\n[> ]*_{20,}|\n[> ]*\n|$(?![\s\S]))/gim,
]

/** Where the sender's signature or the list's footer begins; what follows is cut. */
const signature = /^-- ?$/m

/**
 * Subject and body as one text without list names and tags, list addresses and archives, footers, sponsors' lines, forwarded
 * headers, attributions ("… wrote:"), signatures and e-mail addresses. At most `limit` characters.
 */
export function withoutTraces(subject: string, body: string, limit = 4000): string {
  const topic = subject.replace(/\[[^\][]{1,40}\]/g, ' ')
  const lines = blocks
    .reduce((text, block) => text.replace(block, '\n'), body.replace(/\r/g, ''))
    .split(signature)[0]
    ?.split('\n')
    .map((line) => line.replace(/^[\s>|:%]*(?:[A-Za-z]{2}>)?[\s>|]*/, ''))
    .filter((line) => !addedLine.test(line.trim()))
  return tidy(plain(`${topic}\n\n${(lines ?? []).join('\n')}`))
    .slice(0, limit)
    .trim()
}

function plain(text: string): string {
  const bare = text.replace(listUrls, ' ').replace(address, ' ').replace(hosts, ' ')
  return listNames.reduce((rest, names) => rest.replace(names, ' '), bare)
}

function tidy(text: string): string {
  return cleanText(text, { whitespace: false })
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
