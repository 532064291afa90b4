import { Group, Paper, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

/** A titled panel of the page. */
export function Card({
  title,
  help,
  action,
  children,
}: {
  title: string
  help?: string
  action?: ReactNode
  children: ReactNode
}) {
  return (
    <Paper component="section" withBorder p="md" h="100%" aria-label={title}>
      <Group justify="space-between" align="start" mb="xs" wrap="nowrap">
        <div>
          <Title order={2} size="h5">
            {title}
          </Title>
          {help && (
            <Text size="xs" c="dimmed">
              {help}
            </Text>
          )}
        </div>
        {action}
      </Group>
      {children}
    </Paper>
  )
}
