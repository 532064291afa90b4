import type { Iteration } from '@volant/client'
import type { Queue } from '../corpus/queues.js'
import type { WordStrength } from '../corpus/strongest-words.js'
import { worth } from './desk.js'
import { type Plan, sizes } from './plan.js'
import type { ChannelResult, Facts, Point, Story } from './result.js'

const percent = (share: number) => `${(share * 100).toFixed(1)} %`
const points = (difference: number) => `${difference < 0 ? '−' : '+'}${Math.abs(difference * 100).toFixed(1)}`
const whole = (n: number) => Math.round(n).toLocaleString('en-US')
const range = ([low, high]: readonly [number, number]) => `${points(low)} … ${points(high)}`

/** The difference that the gate measured, with its interval, in points. */
const measured = ({ gate }: Iteration) => (gate ? `${points(gate.difference)} (${range(gate.interval)})` : '')

const en = {
  deskName: 'Help desk',
  randomName: 'Help desk, labels chosen at random',
  noSenderName: 'Help desk without the sender',
  start: 'Volant: a help desk that learns',
  corpus: (mails: number, routed: number, senders: number, seconds: number) =>
    `${whole(mails)} public mails read and cleaned in ${seconds.toFixed(1)} s: ${whole(routed)} legitimate (8 queues, ${senders} senders), the rest spam.`,
  queueName: ({ label }: Queue) => label,
  standsFor: (list: string) => `= mailing list ${list}`,
  leak: ({ word, queue, precision, recall }: WordStrength) =>
    `List names, tags, footers and addresses are removed; the strongest word left is "${word}": ${percent(precision)} of its mails are in ${queue}, it finds ${percent(recall)} of them.`,
  startServer: 'the server starts, with its database in the data folder',
  again: (id: string) => `This data folder has an earlier demo; this one is a project of its own: ${id}.`,
  watch: (address: string) => `Watch the curve climb on the page: ${address}`,
  left: (seconds: number) => `${Math.ceil(seconds)} s left`,
  coldTitle: '1  A cold model',
  trainCold: (plan: Plan) =>
    `train on the first ${sizes.cold} mails with a queue (and ${plan.cold.length - sizes.cold} spam)`,
  coldAccuracy: ({ accuracy }: Point, rows: number) =>
    `deployed: ${percent(accuracy)} of ${sizes.later} later mails in the right queue (frozen set of ${whole(rows)}, spam included; never trained on)`,
  channelsSimulated:
    'Mails now arrive through two channels, each with its key: senders at .com through "widget", all others through "partner". This part is simulated.',
  iterationTitle: (i: number, of: number) => `2  Iteration ${i} of ${of}`,
  receive: (mails: number) => `${whole(mails)} mails arrive and are answered`,
  asked: (asked: number, labelled: number) =>
    `the loop asks about the ${asked} it is least sure of; the true answers come back as feedback (${labelled} with a queue${asked > labelled ? `, ${asked - labelled} are spam` : ''})`,
  improve: 'improve: retrain on all labels, measure on the frozen set, decide',
  decision: ({ decision, explanation }: Iteration) => `${decision}: ${explanation?.en ?? ''}`,
  spoiledTitle: '3  A spoiled batch',
  spoiled: (mails: number, wrong: number) =>
    `${mails} mails come back with their labels shuffled (${wrong} wrong); nothing in the server knows`,
  compareTitle: '4  Compared with',
  trainRandom: (draw: number, of: number) => `as many labels, chosen at random (draw ${draw} of ${of})`,
  trainNoSender: 'the same labels, without the sender',
  receiveLater: (mails: number) => `the ${whole(mails)} later mails arrive`,
  screenTitle: (rows: number, seconds: number) => [
    `  The help desk after ${sizes.iterations} iterations (${Math.round(seconds)} s)`,
    `  Accuracy: mails put in the right queue, of ${rows} later ones (frozen); ├─┤ is the 95 % interval`,
  ],
  pointName: (iteration: number) => (iteration === 0 ? 'cold' : `iteration ${iteration}`),
  labels: (labels: number) => `${labels} labels`,
  facts: ({ points: curve, random, withoutSender, spoiled, coverage, spam }: Story, f: Facts): [string, string][] => [
    ['lift', `${points(f.after - f.before)} points over the cold model`],
    [
      'chosen or random',
      `${curve.at(-1)?.labels} labels: chosen ${percent(f.after)}, random ${percent(f.random)} (${random.map(percent).join(', ')}): ${points(f.after - f.random)} points`,
    ],
    ['sender', `${points(f.senderLift)} points (without it ${percent(withoutSender)})`],
    [
      'spoiled batch',
      `${spoiled.decision === 'promoted' ? 'PROMOTED' : `refused (${spoiled.decision})`}, difference ${measured(spoiled)} points`,
    ],
    [
      'routed alone',
      `${percent(coverage.share)} of the later mails at 95 % precision (probability of at least ${coverage.threshold.toFixed(2)})`,
    ],
    [
      'saves',
      `${whole(f.perMonth.hours)} h and ${worth.currency} ${whole(f.perMonth.money)} a month: ${whole(f.perMonth.mails)} of ${whole(worth.itemsPerMonth)} mails`,
    ],
    [
      'assuming',
      `${worth.minutesPerItem} minutes a mail, ${worth.currency} ${worth.costPerHour} an hour, ${whole(worth.itemsPerMonth)} mails a month`,
    ],
    ['spam', `the second output of the same model: ${spam.metric} ${spam.value.toFixed(3)}`],
  ],
  channelsTitle: 'By channel, the later mails (simulated channels: .com and others):',
  channelColumns: (currency: string) => [
    'channel',
    'mails',
    'right queue',
    'alone',
    'of these right',
    'minutes saved',
    `${currency} saved`,
  ],
  channelRow: ({ name, mails, accuracy, alone, right, minutes, money }: ChannelResult) => [
    name,
    whole(mails),
    percent(accuracy),
    percent(alone),
    percent(right),
    whole(minutes),
    whole(money),
  ],
  /** `again`: the command that shows the page once this program has ended; without it the page stays open. */
  page: (address: string, again?: string) =>
    again ? `The page was at ${address}; see it again with: ${again}` : `The page: ${address}   (Ctrl-C stops)`,
  stopped: 'Stopped. The data folder is whole; the next demo starts a fresh project.',
}

export type Words = typeof en

const zh: Words = {
  deskName: '服务台',
  randomName: '服务台（随机选取标签）',
  noSenderName: '服务台（不用发件人）',
  start: 'Volant：会学习的服务台',
  corpus: (mails, routed, senders, seconds) =>
    `用 ${seconds.toFixed(1)} 秒读取并清洗 ${whole(mails)} 封公开邮件：${whole(routed)} 封正常邮件（8 个队列，${senders} 位发件人），其余为垃圾邮件。`,
  queueName: ({ label, zh: name }) => `${name}（${label}）`,
  standsFor: (list) => `= 邮件列表 ${list}`,
  leak: ({ word, queue, precision, recall }) =>
    `已去除列表名、标签、页脚和地址；剩下最强的单词是 “${word}”：含它的邮件有 ${percent(precision)} 属于 ${queue}，能找出其中 ${percent(recall)}。`,
  startServer: '启动服务器，数据库在数据文件夹中',
  again: (id) => `这个数据文件夹里已有一次演示；本次使用单独的项目：${id}。`,
  watch: (address) => `可在页面上看曲线上升：${address}`,
  left: (seconds) => `还需 ${Math.ceil(seconds)} 秒`,
  coldTitle: '1  冷启动模型',
  trainCold: (plan) => `用最早的 ${sizes.cold} 封有队列的邮件训练（另有 ${plan.cold.length - sizes.cold} 封垃圾邮件）`,
  coldAccuracy: ({ accuracy }, rows) =>
    `已上线：${sizes.later} 封后来的邮件中 ${percent(accuracy)} 分到正确队列（冻结测试集共 ${whole(rows)} 封，含垃圾邮件，从不用于训练）`,
  channelsSimulated:
    '邮件现在经两个渠道到来，各有自己的密钥：.com 发件人走 “widget”，其余走 “partner”。这一部分是模拟的。',
  iterationTitle: (i, of) => `2  第 ${i} 次迭代（共 ${of} 次）`,
  receive: (mails) => `${whole(mails)} 封邮件到来并得到回答`,
  asked: (asked, labelled) =>
    `系统询问最没把握的 ${asked} 封；真实答案作为反馈返回（${labelled} 封有队列${asked > labelled ? `，${asked - labelled} 封是垃圾邮件` : ''}）`,
  improve: '改进：用全部标签重新训练，在冻结测试集上测量，再决定',
  decision: ({ decision, explanation }) => `${decision === 'promoted' ? '已上线' : '未上线'}：${explanation?.zh ?? ''}`,
  spoiledTitle: '3  一批坏标签',
  spoiled: (mails, wrong) => `${mails} 封邮件的标签被打乱后返回（${wrong} 个是错的）；服务器对此一无所知`,
  compareTitle: '4  对照',
  trainRandom: (draw, of) => `同样多的标签，随机选取（第 ${draw} 次，共 ${of} 次）`,
  trainNoSender: '同样的标签，不用发件人',
  receiveLater: (mails) => `${whole(mails)} 封后来的邮件到来`,
  screenTitle: (rows, seconds) => [
    `  ${sizes.iterations} 次迭代之后的服务台（${Math.round(seconds)} 秒）`,
    `  准确率：${rows} 封后来的邮件（冻结）中分到正确队列的比例；├─┤ 为 95 % 区间`,
  ],
  pointName: (iteration) => (iteration === 0 ? '冷启动' : `第 ${iteration} 次迭代`),
  labels: (labels) => `${labels} 个标签`,
  facts: ({ points: curve, random, withoutSender, spoiled, coverage, spam }, f) => [
    ['提升', `比冷启动模型高 ${points(f.after - f.before)} 个百分点`],
    [
      '挑选与随机',
      `${curve.at(-1)?.labels} 个标签：挑选 ${percent(f.after)}，随机 ${percent(f.random)}（${random.map(percent).join('、')}）：相差 ${points(f.after - f.random)} 个百分点`,
    ],
    ['发件人', `${points(f.senderLift)} 个百分点（不用时 ${percent(withoutSender)}）`],
    ['坏标签', `${spoiled.decision === 'promoted' ? '已上线！' : '被拒绝'}，差值 ${measured(spoiled)} 个百分点`],
    [
      '自动分派',
      `后来的邮件中 ${percent(coverage.share)} 可在 95 % 精确率下自动分派（概率不低于 ${coverage.threshold.toFixed(2)}）`,
    ],
    [
      '节省',
      `每月 ${whole(f.perMonth.hours)} 小时、${worth.currency} ${whole(f.perMonth.money)}：${whole(worth.itemsPerMonth)} 封中的 ${whole(f.perMonth.mails)} 封`,
    ],
    [
      '假设',
      `每封 ${worth.minutesPerItem} 分钟，每小时 ${worth.currency} ${worth.costPerHour}，每月 ${whole(worth.itemsPerMonth)} 封`,
    ],
    ['垃圾邮件', `同一模型的第二个输出：${spam.metric} ${spam.value.toFixed(3)}`],
  ],
  channelsTitle: '按渠道看后来的邮件（渠道是模拟的：.com 与其他）：',
  channelColumns: (currency) => ['渠道', '邮件', '队列正确', '自动', '其中正确', '节省分钟', `节省 ${currency}`],
  channelRow: en.channelRow,
  page: (address, again) =>
    again ? `页面地址曾是 ${address}；再次查看：${again}` : `页面：${address}   （Ctrl-C 停止）`,
  stopped: '已停止。数据文件夹完好；下次演示会新建项目。',
}

/** What the demo says, in the reader's language. */
export function wordsOf(language: 'en' | 'zh'): Words {
  return language === 'zh' ? zh : en
}
