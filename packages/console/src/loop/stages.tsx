import type { Summary } from '@volant/client'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { percent, whole } from './figures'

const names = ['needs', 'collect', 'prepare', 'train', 'evaluate', 'deploy', 'serve', 'improve'] as const

/** The loop as eight stages with live numbers; the last leads back to the first. */
export function Stages({ summary }: { summary: Summary }) {
  const { t } = useTranslation()
  const { train, improve } = summary.stages
  const active = { train: train.running !== null, improve: improve.running !== null } as Record<string, boolean>
  return (
    <nav aria-label={t('tagline')}>
      <div className="stages">
        {names.map((name, index) => (
          <section key={name} className="stage" data-active={active[name] ?? false} data-stage={name}>
            <div className="stage-name">
              <span className="stage-number">{index + 1}</span>
              {t(`stage.${name}`)}
            </div>
            <div className="stage-figure">{figures[name](summary, t)}</div>
          </section>
        ))}
      </div>
      <svg className="back" viewBox="0 0 1000 22" preserveAspectRatio="none" aria-hidden="true">
        <path
          d="M940 0 V12 H60 V4"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
          vectorEffect="non-scaling-stroke"
        />
        <path d="M56 6 L60 0 L64 6 z" fill="currentColor" />
      </svg>
    </nav>
  )
}

/** What each stage says of itself, in a few words. */
const figures: Record<(typeof names)[number], (summary: Summary, t: TFunction) => string> = {
  needs: ({ stages: { needs } }, t) => needs?.kpi ?? t('figure.noNeed'),
  collect: ({ stages: { collect } }, t) => t('figure.rows', { rows: whole(collect.rows), count: collect.datasets }),
  prepare: ({ stages: { prepare } }, t) =>
    prepare ? t('figure.testRows', { count: prepare.testRows }) : t('figure.noTest'),
  train: ({ stages: { train } }, t) =>
    train.running
      ? t('figure.training', { share: percent(train.running.progress.share ?? 0) })
      : t('figure.runs', { count: train.runs }),
  evaluate: ({ stages: { evaluate } }, t) =>
    evaluate
      ? Object.entries(evaluate.primary)
          .map(([output, { metric, value }]) => `${output}: ${metric} ${value.toFixed(3)}`)
          .join(', ')
      : t('figure.noModel'),
  deploy: ({ stages: { deploy }, curve }, t) => {
    if (!deploy) return t('figure.nothingLive')
    const iteration = curve.findLast(({ version }) => version === deploy.champion)?.iteration
    return t('figure.live', { version: iteration ?? deploy.champion.slice(-6) })
  },
  serve: ({ stages: { serve } }, t) =>
    t('figure.predictions', { count: serve.predictions, hour: whole(serve.predictionsLastHour) }),
  improve: ({ stages: { improve } }, t) =>
    improve.running
      ? t('figure.improving')
      : t('figure.waiting', { labels: whole(improve.labels), waiting: whole(improve.waiting) }),
}
