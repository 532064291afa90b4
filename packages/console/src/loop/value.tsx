import { Group, RingProgress, Stack, Table, Text } from '@mantine/core'
import type { Summary } from '@volant/client'
import { useTranslation } from 'react-i18next'
import { Card } from './card'
import { amount, percent, whole } from './figures'

/** What the model can do alone, what that saves, and the same for each channel. */
export function Value({ summary: { value, channels, project } }: { summary: Summary }) {
  const { t } = useTranslation()
  const assumed = project.need?.worth
  const worth = value?.perMonth ?? value?.perItem
  return (
    <Card title={t('value.title')}>
      {value ? (
        <Group wrap="nowrap" align="center">
          <RingProgress
            size={104}
            thickness={11}
            roundCaps
            sections={[{ value: value.share * 100, color: 'var(--mantine-primary-color-filled)' }]}
            label={
              <Text ta="center" fw={700} data-testid="share-alone">
                {percent(value.share)} %
              </Text>
            }
          />
          <Stack gap={4}>
            <Text size="sm">{t('value.alone', { precision: percent(value.precision), output: value.output })}</Text>
            {worth && (
              <Text size="sm" fw={600}>
                {t(value.perMonth ? 'value.perMonth' : 'value.perItem', {
                  minutes: amount(worth.minutes),
                  money: amount(worth.money),
                  currency: worth.currency,
                })}
              </Text>
            )}
            <Text size="xs" c="dimmed">
              {t('value.threshold', { threshold: percent(value.threshold) })}
              {assumed &&
                ` ${t('value.assumed', { minutes: assumed.minutesPerItem, cost: assumed.costPerHour, currency: assumed.currency })}`}
              {assumed?.itemsPerMonth && ` ${t('value.volume', { items: whole(assumed.itemsPerMonth) })}`}
            </Text>
          </Stack>
        </Group>
      ) : (
        <Text c="dimmed" size="sm">
          {t('value.none')}
        </Text>
      )}
      {channels.length > 0 && (
        <Table mt="sm" fz="sm" verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('value.channel')}</Table.Th>
              <Table.Th ta="right">{t('value.predictions')}</Table.Th>
              <Table.Th ta="right">{t('value.aloneShort')}</Table.Th>
              <Table.Th ta="right">{t('value.saved')}</Table.Th>
              <Table.Th ta="right">{t('value.checked')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {channels.map((channel) => (
              <Table.Tr key={channel.name}>
                <Table.Td>{channel.name}</Table.Td>
                <Table.Td ta="right">{whole(channel.predictions)}</Table.Td>
                <Table.Td ta="right">{percent(channel.share)} %</Table.Td>
                <Table.Td ta="right">
                  {channel.minutes === null ? '–' : t('value.minutes', { minutes: amount(channel.minutes) })}
                </Table.Td>
                <Table.Td ta="right">{channel.accuracy === null ? '–' : `${percent(channel.accuracy)} %`}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  )
}
