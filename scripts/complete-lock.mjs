// Adds to package-lock.json the optional platform binaries that the registry in use did not list, so that
// `npm ci` works on every platform whose binaries exist. Run after each `npm install`: `npm run lock`.
import fs from 'node:fs'

const file = process.argv[2] ?? 'package-lock.json'
const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
const packages = lock.packages
const systems = ['darwin', 'android', 'freebsd', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'linux', 'win32']
const cpus = ['riscv64', 'loong64', 'mips64el', 's390x', 'ppc64', 'arm64', 'x64', 'ia32', 'arm', 'wasm32']

/** The os, cpu and libc limits that the name of a platform package tells. */
function limits(name) {
  const words = name.toLowerCase()
  const os = /wasm|wasi/.test(words) ? undefined : systems.find((word) => words.includes(word))
  const cpu = cpus.find((word) => words.includes(word))
  const libc = os !== 'linux' ? undefined : /musl/.test(words) ? 'musl' : /gnu/.test(words) ? 'glibc' : undefined
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) }
}

/** Is `name` installed in `at` or in a folder above it? */
function resolves(at, name) {
  for (let folder = at; ; ) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
    if (!folder) return false
    const parent = folder.lastIndexOf('node_modules/')
    folder = parent > 0 ? folder.slice(0, parent - 1) : ''
  }
}

let added = 0
for (const [at, entry] of Object.entries({ ...packages })) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const platform = limits(name)
    if (resolves(at, name) || (!platform.os && !platform.cpu)) continue
    packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~]/, ''),
      ...platform,
      optional: true,
      ...(entry.dev && { dev: true }),
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${file}: ${added} platform packages added`)
