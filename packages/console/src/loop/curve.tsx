import { Stack, Text } from '@mantine/core'
import type { Summary } from '@volant/client'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import uPlot from 'uplot'
import { Card } from './card'

const HEIGHT = 250
const colours = ['#128578', '#b4560b', '#6b4fbb', '#b02a5b']

/** The primary metric of each output by iteration, with its 95 % interval as a band. */
export function Curve({ summary }: { summary: Summary }) {
  const { t } = useTranslation()
  const { curve, stages } = summary
  return (
    <Card title={t('curve.title')} help={t('curve.help', { rows: stages.prepare?.testRows ?? 0 })}>
      {curve.length === 0 ? (
        <Text c="dimmed" size="sm">
          {t('curve.empty')}
        </Text>
      ) : (
        <>
          <Plot curve={curve} iterationLabel={t('curve.iteration')} />
          <Stack gap={2} mt={4} data-testid="curve-points">
            {Object.entries(curve[0]!.outputs).map(([output, { metric }], index) => (
              <Text size="sm" key={output}>
                <span className="swatch" style={{ background: colours[index % colours.length] }} />
                {output} ({metric}): {curve.map(({ outputs }) => outputs[output]?.value.toFixed(3) ?? '–').join(' → ')}
              </Text>
            ))}
          </Stack>
        </>
      )}
    </Card>
  )
}

function Plot({ curve, iterationLabel }: { curve: Summary['curve']; iterationLabel: string }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current!
    const outputs = Object.keys(curve[0]!.outputs)
    const data: uPlot.AlignedData = [
      curve.map((_, index) => index),
      ...outputs.flatMap((output) => [
        curve.map((point) => point.outputs[output]?.interval[0] ?? null),
        curve.map((point) => point.outputs[output]?.interval[1] ?? null),
        curve.map((point) => point.outputs[output]?.value ?? null),
      ]),
    ]
    const ink = getComputedStyle(element).color
    const axis = { stroke: ink, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } }
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        scales: { x: { time: false, range: [-0.15, Math.max(curve.length - 1, 1) + 0.15] } },
        axes: [
          {
            ...axis,
            label: iterationLabel,
            splits: () => curve.map((_, index) => index),
            values: (_, ticks) => ticks.map((tick) => String(curve[tick]?.iteration ?? '')),
          },
          { ...axis, size: 56 },
        ],
        bands: outputs.map((_, index) => ({
          series: [index * 3 + 2, index * 3 + 1] as [number, number],
          fill: `${colours[index % colours.length]}33`,
        })),
        series: [
          {},
          ...outputs.flatMap((_, index) => {
            const stroke = colours[index % colours.length]!
            const edge = { stroke: `${stroke}66`, width: 1, points: { show: false } }
            return [edge, edge, { stroke, width: 3, points: { show: true, size: 8, fill: stroke } }]
          }),
        ],
      },
      data,
      element,
    )
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
    }
  }, [curve, iterationLabel])
  return <div ref={box} />
}
