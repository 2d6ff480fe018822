// Builds a template and uses a volume and a secret with the genuine `e2b` package. Prints "ok", or why not.
// Usage: node holdings.mjs NODE_MODULES FOLDER   (FOLDER holds one.txt; E2B_API_URL and so on tell where)
import assert from 'node:assert/strict'
import { randomUUID, webcrypto } from 'node:crypto'
import { pathToFileURL } from 'node:url'

globalThis.crypto ??= webcrypto // Node 18 has it under another name
const e2b = await import(pathToFileURL(`${process.argv[2]}/e2b/dist/index.mjs`))
const { Sandbox, Secret, Template, Volume } = e2b

const name = `js-${randomUUID()}`
const lines = []
const template = Template({ fileContextPath: process.argv[3] })
  .fromBaseImage()
  .copy('one.txt', '/srv/')
  .runCmd('cat /srv/one.txt > ~/seen; echo said')
  .setEnvs({ GREETING: 'hi' })
const built = await Template.build(template, `${name}:v1`, { cpuCount: 1, memoryMB: 512, onBuildLogs: (each) => lines.push(each.message) })
assert.ok(built.templateId)
assert.ok(lines.includes('said'))
await assert.rejects(
  Template.build(Template().fromBaseImage().runCmd('echo because >&2; exit 4'), `${name}-bad`),
  (error) => error instanceof e2b.BuildError && /exit status 4: because/.test(error.message),
)

const volume = await Volume.create(name)
await volume.writeFile('/in', 'by HTTP')
const box = await Sandbox.create(`${name}:v1`, { timeoutMs: 60_000, volumeMounts: { '/mnt/data': volume } })
try {
  const done = await box.commands.run('cat ~/seen /mnt/data/in; echo $GREETING > /mnt/data/out')
  assert.equal(done.stdout, 'oneby HTTP')
  assert.equal(await volume.readFile('/out'), 'hi\n')
} finally {
  await box.kill()
}
assert.equal(await Volume.destroy(volume.volumeId), true)

const secret = await Secret.create(name, 'hidden', { metadata: { a: 'b' } })
assert.equal(secret.version, 1)
assert.equal((await Secret.update(name, 'other')).version, 2)
assert.equal(await Secret.destroy(name), true)
console.log('ok')
