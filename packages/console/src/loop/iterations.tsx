import { Alert, Badge, Button, Group, Progress, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Iteration, Summary } from '@volant/client'
import { useTranslation } from 'react-i18next'
import { client, queries } from '../api'
import { Card } from './card'
import { points } from './figures'

const colours: Record<string, string> = {
  promoted: 'teal',
  first: 'teal',
  kept: 'gray',
  'set-aside': 'orange',
  failed: 'red',
  cancelled: 'gray',
}

/** Each turn of the loop: what it learnt from, what the gate decided, and why. */
export function Iterations({ project, summary }: { project: string; summary: Summary }) {
  const { t } = useTranslation()
  const queryClient = useQueryClient()
  const iterations = useQuery(queries.iterations(project))
  const refresh = () => void queryClient.invalidateQueries({ queryKey: [project] })
  const improve = useMutation({ mutationFn: () => client.project(project).improve(), onSuccess: refresh })
  const rollback = useMutation({ mutationFn: () => client.project(project).rollback(), onSuccess: refresh })
  const { running } = summary.stages.improve
  const refused = improve.error ?? rollback.error

  return (
    <Card
      title={t('improve.title')}
      action={
        <Group gap="xs">
          <Button
            variant="default"
            size="xs"
            loading={rollback.isPending}
            disabled={!summary.stages.deploy?.previous.length}
            onClick={() => rollback.mutate()}
          >
            {t('improve.rollback')}
          </Button>
          <Button size="xs" loading={improve.isPending || running !== null} onClick={() => improve.mutate()}>
            {t('improve.now')}
          </Button>
        </Group>
      }
    >
      <Stack gap="xs">
        {refused && <Alert color="red" title={refused.message} />}
        {running && (
          <Progress
            value={(summary.stages.train.running?.progress.share ?? 0) * 100}
            animated
            aria-label={t('figure.improving')}
          />
        )}
        {iterations.data?.items.length === 0 && (
          <Text c="dimmed" size="sm">
            {t('improve.empty')}
          </Text>
        )}
        {iterations.data?.items.map((iteration) => (
          <OneIteration key={iteration.id} iteration={iteration} project={project} onRelease={refresh} />
        ))}
      </Stack>
    </Card>
  )
}

function OneIteration({
  iteration,
  project,
  onRelease,
}: {
  iteration: Iteration
  project: string
  onRelease: () => void
}) {
  const { t, i18n } = useTranslation()
  const release = useMutation({ mutationFn: () => client.project(project).release(iteration.id), onSuccess: onRelease })
  const outcome = iteration.decision ?? (iteration.state === 'done' ? 'kept' : iteration.state)
  const text = i18n.language === 'zh' ? iteration.explanation?.zh : iteration.explanation?.en
  return (
    <Group wrap="nowrap" align="start" gap="sm" data-testid="iteration">
      <Text fw={700} w={28} ta="right">
        {iteration.number}
      </Text>
      <Badge color={colours[outcome] ?? 'blue'} variant="light" tt="none" style={{ flex: 'none' }}>
        {t(`improve.${outcome}`)}
      </Badge>
      <div>
        <Text size="sm">{text ?? iteration.reason ?? t('improve.labels', { count: iteration.labels.new })}</Text>
        {iteration.gate && (
          <Text size="xs" c="dimmed">
            {t('improve.labels', { count: iteration.labels.new })} ·{' '}
            {t('improve.difference', {
              difference: points(iteration.gate.difference),
              low: points(iteration.gate.interval[0]),
              high: points(iteration.gate.interval[1]),
            })}
          </Text>
        )}
        {iteration.decision === 'set-aside' && !release.isSuccess && (
          <Button
            mt={4}
            size="compact-xs"
            variant="default"
            loading={release.isPending}
            onClick={() => release.mutate()}
          >
            {t('improve.release')}
          </Button>
        )}
        {release.error && <Alert mt={4} color="red" title={release.error.message} />}
      </div>
    </Group>
  )
}
