import { Alert, Center, Grid, Loader } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { queries } from '../api'
import { AskQueue } from './ask-queue'
import { Curve } from './curve'
import { Iterations } from './iterations'
import { Stages } from './stages'
import { TryModel } from './try-model'
import { useLiveProject } from './use-live-project'
import { Value } from './value'

/** One project: its loop with live numbers, and what a person can do in it. */
export function Loop({ project }: { project: string }) {
  const { t } = useTranslation()
  useLiveProject(project)
  const summary = useQuery(queries.summary(project))
  if (summary.error && !summary.data) return <Alert color="red" title={summary.error.message} />
  if (!summary.data) {
    return (
      <Center h={300}>
        <Loader aria-label={t('loading')} />
      </Center>
    )
  }
  const isLive = summary.data.stages.deploy !== null
  return (
    <>
      <Stages summary={summary.data} />
      <Grid mt="md" gap="md">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Curve summary={summary.data} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Value summary={summary.data} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 7 }}>
          <AskQueue project={project} isLive={isLive} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <TryModel project={project} isLive={isLive} />
        </Grid.Col>
        <Grid.Col span={12}>
          <Iterations project={project} summary={summary.data} />
        </Grid.Col>
      </Grid>
    </>
  )
}
