import { Alert, Button, NativeSelect, NumberInput, Progress, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { Cell, Form, FormField, Row, RowPrediction } from '@volant/client'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { client, queries } from '../api'
import { Answer } from './answer'
import { Card } from './card'
import { percent } from './figures'

/** A form made from the spec: fill it in, see the answer, say whether it is right. */
export function TryModel({ project, isLive }: { project: string; isLive: boolean }) {
  const { t } = useTranslation()
  const form = useQuery({ ...queries.form(project), enabled: isLive })
  return (
    <Card title={t('try.title')}>
      {isLive && form.data ? (
        <TryForm key={form.data.inputs.map(({ name }) => name).join()} project={project} form={form.data} />
      ) : (
        <Text c="dimmed" size="sm">
          {t('try.noModel')}
        </Text>
      )}
    </Card>
  )
}

function TryForm({ project, form }: { project: string; form: Form }) {
  const { t } = useTranslation()
  const [row, setRow] = useState<Row>({})
  const predict = useMutation({
    mutationFn: async () => {
      const [answer] = await client.project(project).predict({ rows: [row] })
      if (!answer || 'error' in answer) throw new Error(answer?.error.message ?? 'no answer')
      return answer
    },
  })
  return (
    <Stack gap="sm">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          predict.mutate()
        }}
      >
        <Stack gap="xs">
          {form.inputs.map((field) => (
            <Input
              key={field.name}
              field={field}
              value={row[field.name] ?? null}
              onChange={(value) => setRow({ ...row, [field.name]: value })}
            />
          ))}
          <Button type="submit" loading={predict.isPending}>
            {t('try.predict')}
          </Button>
        </Stack>
      </form>
      {predict.error && <Alert color="red" title={predict.error.message} />}
      {predict.data && <Result key={predict.data.id} project={project} form={form} prediction={predict.data} />}
    </Stack>
  )
}

/** The control that fits a field's type. */
function Input({ field, value, onChange }: { field: FormField; value: Cell; onChange: (value: Cell) => void }) {
  const example = field.example === undefined || field.example === null ? undefined : String(field.example).slice(0, 80)
  if (field.type === 'text') {
    return (
      <Textarea
        label={field.name}
        autosize
        minRows={3}
        maxRows={8}
        placeholder={example}
        value={String(value ?? '')}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    )
  }
  if (field.type === 'number') {
    return (
      <NumberInput
        label={field.name}
        placeholder={example}
        value={typeof value === 'number' ? value : ''}
        onChange={(next) => onChange(next === '' ? null : Number(next))}
      />
    )
  }
  if (field.type === 'boolean') {
    const choices = [{ value: '', label: '' }, 'true', 'false']
    return (
      <NativeSelect
        label={field.name}
        data={choices}
        value={value === null ? '' : String(value)}
        onChange={(event) => onChange(event.currentTarget.value === '' ? null : event.currentTarget.value === 'true')}
      />
    )
  }
  return (
    <>
      <TextInput
        label={field.name}
        placeholder={example}
        list={`classes-of-${field.name}`}
        value={String(value ?? '')}
        onChange={(event) => onChange(event.currentTarget.value || null)}
      />
      <datalist id={`classes-of-${field.name}`}>
        {field.classes?.slice(0, 200).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  )
}

/** The answer for each output with its likeliest classes, and the buttons that correct it. */
function Result({ project, form, prediction }: { project: string; form: Form; prediction: RowPrediction }) {
  return (
    <Stack gap="sm" data-testid="try-result">
      {form.outputs.map((output) => {
        const answer = prediction.outputs[output.name]
        if (!answer) return null
        const likeliest = Object.entries(answer.probabilities ?? {})
          .sort((a, b) => b[1] - a[1])
          .slice(0, 4)
        return (
          <div key={output.name}>
            <Text size="sm">
              {output.name}: <b data-testid={`answer-${output.name}`}>{String(answer.value)}</b>
              {answer.probability !== undefined && ` (${percent(answer.probability)} %)`}
            </Text>
            {likeliest.map(([name, probability]) => (
              <div key={name}>
                <Text size="xs" c="dimmed" component="span">
                  {name} {percent(probability)} %
                </Text>
                <Progress value={probability * 100} size="sm" aria-label={`${name} ${percent(probability)} %`} />
              </div>
            ))}
            <Answer project={project} predictionId={prediction.id} output={output} guess={answer.value} />
          </div>
        )
      })}
    </Stack>
  )
}
