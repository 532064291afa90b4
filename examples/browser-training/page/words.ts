import type { Shape } from '../src/points.js'

interface Words {
  readonly title: string
  readonly lead: string
  readonly start: string
  readonly pause: string
  readonly reset: string
  readonly data: string
  readonly loss: string
  readonly lossNow: string
  readonly graph: string
  readonly forward: string
  readonly backward: string
  readonly saved: string
  readonly graphNote: string
  readonly step: string
  readonly right: string
  readonly speed: string
  readonly other: string
  readonly shapes: Readonly<Record<Shape, string>>
}

const en: Words = {
  title: 'A network that learns in this page',
  lead: 'The same TypeScript trains on a server and here: forward pass, backward pass and optimiser are one graph, which ONNX Runtime computes by WebAssembly. Nothing leaves this machine.',
  start: 'Start',
  pause: 'Pause',
  reset: 'Start over',
  data: 'The data, and what the network thinks of every place',
  loss: 'Loss by update',
  lossNow: 'loss',
  graph: 'The graph of one update',
  forward: 'forward: what the network says',
  backward: 'backward: who is to blame, and by how much',
  saved: 'values of the forward half that the backward half uses again',
  graphNote: 'Drawn from the graph that the trainer differentiates; hover a node to see its shape.',
  step: 'update',
  right: 'right',
  speed: 'updates a second',
  other: '中文',
  shapes: { moons: 'Two moons', rings: 'Two rings', spirals: 'Three spirals' },
}

const zh: Words = {
  title: '在网页里学习的神经网络',
  lead: '同一份 TypeScript 既在服务器上训练，也在这里训练：前向、反向和优化器是同一张图，由 ONNX Runtime 通过 WebAssembly 计算。数据不会离开这台机器。',
  start: '开始',
  pause: '暂停',
  reset: '重新开始',
  data: '数据，以及网络对每个位置的判断',
  loss: '每次更新的损失',
  lossNow: '损失',
  graph: '一次更新的计算图',
  forward: '前向：网络的回答',
  backward: '反向：误差来自谁，各占多少',
  saved: '反向部分再次用到的前向数值',
  graphNote: '直接取自训练器求导的计算图；将鼠标移到节点上可查看形状。',
  step: '更新',
  right: '正确率',
  speed: '次更新/秒',
  other: 'English',
  shapes: { moons: '双月', rings: '双环', spirals: '三条螺线' },
}

export type Language = 'en' | 'zh'
const words: Readonly<Record<Language, Words>> = { en, zh }

/** Puts the words into all elements that name theirs by `data-word`. */
export function speak(language: Language): void {
  document.documentElement.lang = language
  document.title = words[language].title
  for (const element of document.querySelectorAll<HTMLElement>('[data-word]'))
    element.textContent = words[language][element.dataset['word'] as Exclude<keyof Words, 'shapes'>]
  for (const option of document.querySelectorAll<HTMLOptionElement>('[data-shape]'))
    option.textContent = words[language].shapes[option.value as Shape]
}
