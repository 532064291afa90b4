import { Alert, Badge, Button, Group, Kbd, NumberInput, Paper, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { FormField, Question, Value } from '@volant/client'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { client, newFeedbackId, queries } from '../api'
import { Card } from './card'
import { classesOf, feedbackValue } from './classes'
import { percent } from './figures'

/** Questions still to answer when the next ones are fetched. */
const FETCH_AT = 2

/** The rows worth a person's time, one after another, answered by keyboard. */
export function AskQueue({ project, isLive }: { project: string; isLive: boolean }) {
  const { t } = useTranslation()
  const queryClient = useQueryClient()
  const questions = useQuery({ ...queries.questions(project), enabled: isLive })
  const form = useQuery({ ...queries.form(project), enabled: isLive })
  const [done, setDone] = useState<ReadonlySet<string>>(new Set())
  const [given, setGiven] = useState(0)

  const open = (questions.data?.questions ?? []).filter(({ predictionId }) => !done.has(predictionId))
  const question = open[0]
  const output = form.data?.outputs.find(({ name }) => name === question?.output)

  const send = useMutation({
    mutationFn: ({ predictionId, output: name, value }: { predictionId: string; output: string; value: Value }) =>
      client.project(project).feedback({
        id: newFeedbackId(),
        predictionId,
        output: name,
        kind: 'label',
        value,
        at: new Date().toISOString(),
      }),
    onSuccess: () => setGiven((count) => count + 1),
  })
  const pass = (predictionId: string) => {
    setDone((before) => new Set(before).add(predictionId))
    if (open.length <= FETCH_AT) void queryClient.invalidateQueries({ queryKey: queries.questions(project).queryKey })
  }
  const answer = (asked: Question, value: Value) => {
    send.mutate({ predictionId: asked.predictionId, output: asked.output, value })
    pass(asked.predictionId)
  }

  return (
    <Card
      title={t('ask.title')}
      help={question ? t('ask.help') : undefined}
      action={given > 0 ? <Badge variant="light">{t('ask.saved', { count: given })}</Badge> : undefined}
    >
      {send.error && <Alert mb="xs" color="red" title={send.error.message} />}
      {question && output ? (
        <OneQuestion
          key={question.predictionId}
          question={question}
          output={output}
          onAnswer={(value) => answer(question, value)}
          onSkip={() => pass(question.predictionId)}
        />
      ) : (
        <Text c="dimmed" size="sm">
          {questions.isFetching ? t('loading') : isLive ? t('ask.empty') : t('try.noModel')}
        </Text>
      )}
    </Card>
  )
}

function OneQuestion({
  question,
  output,
  onAnswer,
  onSkip,
}: {
  question: Question
  output: FormField
  onAnswer: (value: Value) => void
  onSkip: () => void
}) {
  const { t } = useTranslation()
  const guess = question.outputs[output.name]
  const likeliest = rank(classesOf(output), guess?.probabilities)
  const [number, setNumber] = useState<number | string>('')

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLElement && event.target.closest('input, textarea, select')) return
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const chosen = likeliest[Number(event.key) - 1]
      if (chosen !== undefined) onAnswer(feedbackValue(output, chosen))
      else if (event.key === 'Enter' && guess && !(event.target instanceof HTMLButtonElement)) onAnswer(guess.value)
      else if (event.key.toLowerCase() === 's') onSkip()
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  })

  return (
    <Stack gap="xs" data-testid="question">
      <Group gap="xs">
        <Badge variant="light" color="orange" tt="none">
          {t('ask.unsure', { percent: percent(question.uncertainty) })}
        </Badge>
        <Badge variant="default" tt="none">
          {t('ask.channel', { channel: question.channel })}
        </Badge>
      </Group>
      <Paper withBorder p="sm">
        <div className="mail">
          {Object.entries(question.inputs).map(([name, value]) => (
            <div key={name}>
              <b>{name}:</b> {value === null ? '–' : String(value)}
            </div>
          ))}
        </div>
      </Paper>
      {guess && (
        <Text size="sm">
          {t('ask.thinks', {
            output: output.name,
            value: String(guess.value),
            percent: percent(guess.probability ?? 0),
          })}
        </Text>
      )}
      {output.type === 'number' ? (
        <Group gap="xs" align="end">
          <NumberInput label={t('ask.value')} value={number} onChange={setNumber} />
          <Button disabled={number === ''} onClick={() => onAnswer(Number(number))}>
            {t('ask.give')}
          </Button>
        </Group>
      ) : (
        <Group gap={6}>
          {likeliest.map((name, index) => (
            <Button
              key={name}
              size="compact-sm"
              variant={name === String(guess?.value) ? 'filled' : 'default'}
              onClick={() => onAnswer(feedbackValue(output, name))}
              leftSection={index < 9 ? <Kbd size="xs">{index + 1}</Kbd> : undefined}
            >
              {name}
            </Button>
          ))}
          <Button size="compact-sm" variant="subtle" onClick={onSkip} leftSection={<Kbd size="xs">S</Kbd>}>
            {t('ask.skip')}
          </Button>
        </Group>
      )}
    </Stack>
  )
}

/** Classes with the likeliest first, so that the keys 1 to 9 reach what is probably right. */
function rank(classes: string[], probabilities: Record<string, number> | undefined): string[] {
  return [...classes].sort((a, b) => (probabilities?.[b] ?? 0) - (probabilities?.[a] ?? 0))
}
