/** Numbers as the page shows them. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
/** 0.953 -> `95` */
export const percent = (share: number): string => String(Math.round(share * 100))
/** Money or minutes with at most one digit after the point. */
export const amount = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 })
/** Difference of two shares in percentage points, with its sign. */
export const points = (difference: number): string =>
  `${difference >= 0 ? '+' : '−'}${Math.abs(difference * 100).toFixed(1)}`
