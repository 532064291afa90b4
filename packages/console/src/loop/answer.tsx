import { Alert, Button, Group, NativeSelect, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { FormField, Value } from '@volant/client'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { client, newFeedbackId } from '../api'
import { classesOf, feedbackValue } from './classes'

/** Feedback buttons below a prediction: it is right, or what would be right. */
export function Answer({
  project,
  predictionId,
  output,
  guess,
}: {
  project: string
  predictionId: string
  output: FormField
  guess: Value
}) {
  const { t } = useTranslation()
  const [feedbackId] = useState(newFeedbackId)
  const send = useMutation({
    mutationFn: (value: Value) =>
      client.project(project).feedback({
        id: feedbackId,
        predictionId,
        output: output.name,
        kind: 'label',
        value,
        at: new Date().toISOString(),
      }),
  })
  if (send.isSuccess) {
    return (
      <Text size="sm" c="teal" role="status">
        {t('try.thanks')}
      </Text>
    )
  }
  return (
    <>
      <Group gap="xs" mt={6}>
        <Button size="xs" variant="light" loading={send.isPending} onClick={() => send.mutate(guess)}>
          {t('try.right')}
        </Button>
        <NativeSelect
          size="xs"
          aria-label={`${output.name}: ${t('try.wrong')}`}
          data={[{ value: '', label: t('try.wrong') }, ...classesOf(output).filter((name) => name !== String(guess))]}
          value=""
          onChange={(event) =>
            event.currentTarget.value !== '' && send.mutate(feedbackValue(output, event.currentTarget.value))
          }
        />
      </Group>
      {send.error && <Alert mt="xs" color="red" title={send.error.message} />}
    </>
  )
}
