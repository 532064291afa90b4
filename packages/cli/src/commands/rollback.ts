import { command } from '../command.js'
import { connect } from './connect.js'

export const rollback = command({
  name: 'rollback',
  summary: 'Go back to the model version that answered before',
  arguments: [{ name: 'project', description: 'id of a project on the server', required: true }],
  options: ['version', 'url', 'key', 'json'],
  examples: [
    ['volant rollback desk', 'to the previous champion'],
    ['volant rollback desk --version <id>', 'to a version of your choice'],
  ],
  async run([id], { version, url, key, json }, terminal) {
    const project = connect({ url, key }).project(id!)
    const endpoint = version === undefined ? await project.rollback() : await project.deploy({ champion: version })
    if (json) return terminal.print(JSON.stringify(endpoint))
    const { number } = await project.version(endpoint.champion)
    terminal.print(`Version ${number} (${endpoint.champion}) answers on endpoint ${endpoint.name}.`)
  },
})
