import { command } from '../command.js'
import { timeText } from '../terminal/chart.js'
import { connect } from './connect.js'

export const improve = command({
  name: 'improve',
  summary: 'Learn from the feedback: new data, a candidate, the gate, promoted or not',
  arguments: [{ name: 'project', description: 'id of a project on the server', required: true }],
  options: ['url', 'key', 'timeLimit', 'seed', 'lang', 'json'],
  examples: [
    ['volant improve desk', 'on http://127.0.0.1:4600'],
    ['volant improve desk --url https://volant.example --json', 'elsewhere; one JSON document'],
  ],
  async run([id], { url, key, timeLimit, seed, lang, json }, terminal) {
    const project = connect({ url, key }).project(id!)
    const started = await project.improve({ timeLimit, seed })
    let said = ''
    const done = await project.improved(
      started.id,
      async ({ state, run }) => {
        const progress = run ? (await project.run(run)).progress : undefined
        const left = progress?.secondsLeft ? `, ${timeText(progress.secondsLeft)} left` : ''
        const text = `${state}${progress?.stage ? `: ${progress.stage}` : ''}${left}`
        if (text !== said && terminal.live) terminal.note(text)
        said = text
      },
      terminal.signal,
    )
    if (json) return terminal.print(JSON.stringify(done))
    const chinese = (lang ?? process.env['LANG'] ?? '').startsWith('zh')
    terminal.print(
      done.explanation
        ? chinese
          ? done.explanation.zh
          : done.explanation.en
        : `Iteration ${done.number}: ${done.decision}`,
    )
  },
})
