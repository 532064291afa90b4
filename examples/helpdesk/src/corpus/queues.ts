import { type Headers, header } from './mime.js'

/** A queue of the help desk and the public mailing list whose mails play it. */
export interface Queue {
  /** Label of the output `queue`. */
  label: string
  /** The label in Chinese, for the screen. */
  zh: string
  /** The mailing list as it is known. */
  list: string
  /** How the list signs its mails in List-Id, List-Post, X-BeenThere, Mailing-List or To. */
  id: RegExp
}

/** The eight lists of the corpus with at least 100 legitimate mails. */
export const queues: readonly Queue[] = [
  { label: 'Community', zh: '社区闲谈', list: 'FoRK (Friends of Rohit Khare)', id: /\bfork@|fork\.xent\.com/i },
  { label: 'Linux support', zh: 'Linux 支持', list: "ILUG (Irish Linux Users' Group)", id: /\bilug@|ilug\.linux\.ie/i },
  { label: 'Packages', zh: '软件包', list: 'Freshrpms rpm-list', id: /\brpm-(zzz)?list[@.]/i },
  { label: 'Spam network', zh: '垃圾邮件网络', list: 'razor-users', id: /\brazor-users[@.]/i },
  { label: 'Spam filter', zh: '垃圾邮件过滤', list: 'spamassassin-talk', id: /\bspamassassin-talk[@.]/i },
  { label: 'Curiosities', zh: '奇闻趣事', list: 'forteana (Fortean Times)', id: /\b(zzzzteana|forteana)@yahoogroups/i },
  { label: 'Mail client: development', zh: '邮件客户端开发', list: 'exmh-workers', id: /\bexmh-workers[@.]/i },
  { label: 'Mail client: help', zh: '邮件客户端帮助', list: 'exmh-users', id: /\bexmh-users[@.]/i },
]

/** Headers a list server writes, the surest first; To is written by the sender, who may address several lists. */
const listHeaders = ['list-id', 'list-post', 'x-beenthere', 'x-mailing-list', 'mailing-list', 'sender', 'to', 'cc']

/** The queue whose mailing list delivered the mail; undefined when it came over none of the eight. */
export function queueOf(headers: Headers): Queue | undefined {
  for (const name of listHeaders) {
    const value = header(headers, name)
    const queue = value && queues.find(({ id }) => id.test(value))
    if (queue) return queue
    if (name === 'list-id' && value) return undefined
  }
  return undefined
}
