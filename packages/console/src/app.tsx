import {
  Alert,
  Button,
  Center,
  Container,
  Group,
  Loader,
  NativeSelect,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { VolantProblem } from '@volant/client'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { openProject, useOpenProject } from './address'
import { queries, signIn } from './api'
import { switchLanguage } from './i18n'
import { Loop } from './loop/loop'
import { StartProject } from './start/start-project'

/** The page: which project is open, and its loop. */
export function App() {
  const { t } = useTranslation()
  const open = useOpenProject()
  const projects = useQuery(queries.projects())
  const items = projects.data?.items ?? []
  const project = open === 'new' ? undefined : (items.find(({ id }) => id === open) ?? items[0])

  return (
    <Container size={1440} py="md">
      <Group justify="space-between" mb="md">
        <Group gap="sm">
          <Logo />
          <div>
            <Title order={1} size="h3">
              {t('title')}
            </Title>
            <Text size="xs" c="dimmed">
              {t('tagline')}
            </Text>
          </div>
        </Group>
        <Group gap="sm">
          {items.length > 0 && (
            <NativeSelect
              aria-label={t('project')}
              value={project?.id ?? 'new'}
              onChange={(event) => openProject(event.currentTarget.value)}
              data={[
                ...items.map(({ id, name }) => ({ value: id, label: name })),
                { value: 'new', label: `+ ${t('newProject')}` },
              ]}
            />
          )}
          <Button variant="default" onClick={switchLanguage}>
            {t('language')}
          </Button>
        </Group>
      </Group>
      <main>
        {projects.isPending && (
          <Center h={300}>
            <Loader aria-label={t('loading')} />
          </Center>
        )}
        {projects.error && <Refused error={projects.error} retry={() => void projects.refetch()} />}
        {projects.data && (project ? <Loop key={project.id} project={project.id} /> : <StartProject />)}
      </main>
    </Container>
  )
}

/** Why the page cannot show anything: no server, or no key. */
function Refused({ error, retry }: { error: Error; retry: () => void }) {
  const { t } = useTranslation()
  const queryClient = useQueryClient()
  const [key, setKey] = useState('')
  if (!(error instanceof VolantProblem) || (error.status !== 401 && error.status !== 403)) {
    return (
      <Alert color="red" title={error.message}>
        <Button variant="default" onClick={retry}>
          {t('retry')}
        </Button>
      </Alert>
    )
  }
  return (
    <Paper withBorder p="lg" maw={460} mx="auto">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          signIn(key.trim())
          void queryClient.invalidateQueries()
        }}
      >
        <Stack>
          <Title order={2} size="h4">
            {t('key.title')}
          </Title>
          <PasswordInput
            label={t('key.label')}
            description={t('key.hint')}
            error={error.document['code'] === 'key-missing' ? undefined : error.message}
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
          />
          <Button type="submit" disabled={key.trim() === ''}>
            {t('key.use')}
          </Button>
        </Stack>
      </form>
    </Paper>
  )
}

function Logo() {
  return (
    <svg width="38" height="38" viewBox="0 0 38 38" aria-hidden="true">
      <circle
        cx="19"
        cy="19"
        r="14"
        fill="none"
        stroke="var(--mantine-primary-color-filled)"
        strokeWidth="4"
        strokeDasharray="66 22"
      />
      <path d="M30 8 l6 2 l-5 5 z" fill="var(--mantine-primary-color-filled)" />
      <circle cx="19" cy="19" r="4" fill="var(--mantine-primary-color-filled)" />
    </svg>
  )
}
