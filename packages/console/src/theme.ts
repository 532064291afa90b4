import { createTheme, type MantineColorsTuple } from '@mantine/core'

/** Deep teal; shade 8 on white and white on shade 8 have a contrast over 4.5 : 1 (WCAG AA). */
const teal: MantineColorsTuple = [
  '#e6f6f4',
  '#cdece8',
  '#9ad8d0',
  '#64c3b8',
  '#38b0a3',
  '#1d9c8f',
  '#128578',
  '#0b7267',
  '#075f56',
  '#034a43',
]

export const theme = createTheme({
  primaryColor: 'teal',
  primaryShade: { light: 8, dark: 5 },
  colors: { teal },
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", sans-serif',
})
