import { Alert, Button, FileInput, Paper, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { openProject } from '../address'
import { client, queries } from '../api'
import { percent } from '../loop/figures'

/** From a file to a deployed model in one form. */
export function StartProject() {
  const { t } = useTranslation()
  const queryClient = useQueryClient()
  const [name, setName] = useState('')
  const [file, setFile] = useState<File | null>(null)
  const [outputs, setOutputs] = useState('')
  const [step, setStep] = useState('')
  const start = useMutation({
    mutationFn: async () => {
      const project = client.project((await client.createProject({ name: name.trim() })).id)
      try {
        setStep(t('start.uploading'))
        await project.upload(file!, { name: file!.name })
        await project.freezeTestSet()
        const run = await project.train({ outputs: outputs.split(',').map((column) => column.trim()) })
        const done = await project.finished(run.id, ({ progress }) =>
          setStep(t('start.training', { share: percent(progress.share ?? 0) })),
        )
        setStep(t('start.deploying'))
        await project.deploy({ champion: done.version! })
      } catch (error) {
        // A project without data and model is of no use to anybody.
        await project.remove().catch(() => undefined)
        throw error
      }
      return project.id
    },
    onSuccess: async (id) => {
      await queryClient.invalidateQueries({ queryKey: queries.projects().queryKey })
      openProject(id)
    },
    onSettled: () => setStep(''),
  })
  const isComplete = name.trim() !== '' && file !== null && outputs.trim() !== ''
  return (
    <Paper withBorder p="lg" maw={560} mx="auto">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          start.mutate()
        }}
      >
        <Stack>
          <Title order={2} size="h4">
            {t('start.title')}
          </Title>
          <Text size="sm" c="dimmed">
            {t('start.help')}
          </Text>
          <TextInput label={t('start.name')} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <FileInput
            label={t('start.file')}
            value={file}
            onChange={setFile}
            accept=".csv,.tsv,.jsonl,.parquet,.gz"
            clearable
          />
          <TextInput
            label={t('start.outputs')}
            description={t('start.outputsHint')}
            value={outputs}
            onChange={(event) => setOutputs(event.currentTarget.value)}
          />
          {start.error && <Alert color="red" title={start.error.message} />}
          <Button type="submit" disabled={!isComplete} loading={start.isPending}>
            {t('start.go')}
          </Button>
          {step && (
            <Text size="sm" role="status">
              {step}
            </Text>
          )}
        </Stack>
      </form>
    </Paper>
  )
}
