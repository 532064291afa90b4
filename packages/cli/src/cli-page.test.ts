import { expect, it } from 'vitest'
import { cliPage } from './cli-page.js'

it('keeps docs/cli.md as the tables say', async () => {
  await expect(cliPage()).toMatchFileSnapshot('../../../docs/cli.md')
})
