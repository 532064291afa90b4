import { optionTable } from './options.js'
import { commands } from './program.js'

/** The page docs/cli.md, made from the tables that also make help and parsing. */
export function cliPage(): string {
  const sections = commands.map((row) => {
    const usage = [
      'volant',
      row.name,
      ...row.arguments.map(({ name, required }) => (required ? `<${name}>` : `[${name}]`)),
    ]
    const parts = [`## ${usage.join(' ')}`, `${row.summary}.`]
    parts.push(
      [
        '```bash',
        ...row.examples.flatMap(([line, does]) => [`# ${does}`, line.replace(/\bvolant\b/, 'npx volant')]),
        '```',
      ].join('\n'),
    )
    const rows = [
      ...row.arguments.map(({ name, description }) => [name, description]),
      ...row.options.map((name) => [
        `\`${optionTable[name].flags.replaceAll('|', '\\|')}\``,
        optionTable[name].description,
      ]),
    ]
    parts.push(
      [
        '| argument or option | meaning |',
        '| --- | --- |',
        ...rows.map(([what, meaning]) => `| ${what} | ${meaning} |`),
      ].join('\n'),
    )
    return parts.join('\n\n')
  })
  return `# Command line

\`npx volant <command>\`. Results go to stdout, progress and notes to stderr. With \`--json\` stdout is one JSON document, or JSON
lines. Exit code 0: success; 2: wrong usage; 1: anything else, with one sentence on stderr; 130: stopped by Ctrl-C, which leaves nothing
half-written. Data files are CSV, TSV, JSONL or Parquet, also gzipped.

${sections.join('\n\n')}
`
}
