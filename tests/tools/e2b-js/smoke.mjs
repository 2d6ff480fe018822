// Drives the genuine `e2b` package against an endpoint. One line of JSON per check: {name, ok, error}.
// Usage: node smoke.mjs NODE_MODULES   (E2B_API_URL, E2B_SANDBOX_URL, E2B_API_KEY tell where)
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

globalThis.crypto ??= webcrypto // Node 18 has it under another name
const e2b = await import(pathToFileURL(`${process.argv[2]}/e2b/dist/index.mjs`))
const { Sandbox } = e2b

const checks = []
const check = (name, run) => checks.push([name, run])

// ------------------------------------------------------------- commands

check('a command gives output, errors and exit code', async (box) => {
  const done = await box.commands.run('echo out; echo err >&2')
  assert.deepEqual([done.stdout, done.stderr, done.exitCode], ['out\n', 'err\n', 0])
})

check('a failing command throws CommandExitError', async (box) => {
  await assert.rejects(box.commands.run('echo so; exit 7'), (error) => {
    assert.ok(error instanceof e2b.CommandExitError)
    assert.deepEqual([error.exitCode, error.stdout], [7, 'so\n'])
    return true
  })
})

check('environment, folder and user of a command', async (box) => {
  await box.files.makeDir('deep/er')
  const done = await box.commands.run('pwd; echo $A; whoami', { envs: { A: 'b c' }, cwd: 'deep/er' })
  assert.equal(done.stdout, '/home/user/deep/er\nb c\nuser\n')
})

check('a background command takes input and its end', async (box) => {
  const pieces = []
  const running = await box.commands.run('cat; echo end', {
    background: true, stdin: true, onStdout: (text) => { pieces.push(text) },
  })
  await box.commands.sendStdin(running.pid, 'through\n')
  await box.commands.closeStdin(running.pid)
  await running.wait()
  assert.equal(pieces.join(''), 'through\nend\n')
})

check('commands are listed, connected to and killed', async (box) => {
  const running = await box.commands.run('echo $$; sleep 60', { background: true, timeoutMs: 0 })
  const listed = await box.commands.list()
  assert.ok(listed.some((each) => each.pid === running.pid))
  const joined = await box.commands.connect(running.pid)
  assert.equal(await box.commands.kill(running.pid), true)
  await assert.rejects(joined.wait(), e2b.CommandExitError)
  await assert.rejects(running.wait(), e2b.CommandExitError)
  assert.equal(await box.commands.kill(running.pid), false)
})

check('what is printed while nobody listens is kept', async (box) => {
  const running = await box.commands.run('sleep 0.5; echo missed; sleep 60', { background: true, timeoutMs: 0 })
  await running.disconnect()
  await sleep(800)
  let late
  const told = new Promise((resolve) => { late = resolve })
  const joined = await box.commands.connect(running.pid, { onStdout: late })
  assert.equal(await told, 'missed\n')
  await joined.kill()
})

check('a command past its time throws TimeoutError', async (box) => {
  await assert.rejects(box.commands.run('sleep 30', { timeoutMs: 700 }), e2b.TimeoutError)
})

check('an unknown command is not found', async (box) => {
  await assert.rejects(box.commands.connect(999999), e2b.NotFoundError)
})

check('a terminal can be written to, resized and left', async (box) => {
  const seen = []
  const decoder = new TextDecoder()
  const terminal = await box.pty.create({ cols: 80, rows: 24, onData: (data) => { seen.push(decoder.decode(data)) } })
  await box.pty.resize(terminal.pid, { cols: 100, rows: 40 })
  await box.pty.sendInput(terminal.pid, new TextEncoder().encode('stty size; exit\n'))
  assert.equal((await terminal.wait()).exitCode, 0)
  assert.match(seen.join(''), /40 100/)
})

// ------------------------------------------------------------- files

check('files are written and read in every format', async (box) => {
  const bytes = new Uint8Array(300000).map((_, index) => index % 251)
  await box.files.write('text', 'naïve ☃')
  assert.equal(await box.files.read('text'), 'naïve ☃')
  await box.files.write('buffer', bytes.buffer)
  assert.deepEqual(await box.files.read('buffer', { format: 'bytes' }), bytes)
  await box.files.write('blob', new Blob([bytes]))
  assert.equal((await box.files.read('blob', { format: 'blob' })).size, bytes.length)
  await box.files.write('stream', new Blob([bytes]).stream())
  let count = 0
  for await (const piece of await box.files.read('stream', { format: 'stream' })) count += piece.length
  assert.equal(count, bytes.length)
})

check('many files go in one call', async (box) => {
  const files = Array.from({ length: 10 }, (_, index) => ({ path: `many ${index}/ü`, data: String(index) }))
  const written = await box.files.write(files)
  assert.deepEqual(written.map((each) => each.path), files.map((each) => `/home/user/${each.path}`))
  assert.equal(await box.files.read('many 7/ü'), '7')
})

check('gzip both ways', async (box) => {
  await box.files.write('zipped', 'x'.repeat(100000), { gzip: true })
  assert.equal((await box.files.getInfo('zipped')).size, 100000)
  assert.equal((await box.files.read('zipped', { gzip: true })).length, 100000)
})

check('metadata stays with the file', async (box) => {
  const written = await box.files.write('marked', 'x', { metadata: { by: 'test' } })
  assert.deepEqual(written.metadata, { by: 'test' })
  assert.deepEqual((await box.files.getInfo('marked')).metadata, { by: 'test' })
})

check('folders are made, listed, renamed and removed', async (box) => {
  assert.equal(await box.files.makeDir('a/b'), true)
  assert.equal(await box.files.makeDir('a/b'), false)
  await box.files.write('a/b/f', '12345')
  assert.deepEqual((await box.files.list('a', { depth: 2 })).map((each) => each.path),
    ['/home/user/a/b', '/home/user/a/b/f'])
  assert.equal((await box.files.rename('a/b', 'a/c')).path, '/home/user/a/c')
  assert.equal(await box.files.exists('a/b'), false)
  const info = await box.files.getInfo('a/c/f')
  assert.deepEqual([info.type, info.size, info.mode, info.owner], ['file', 5, 0o644, 'user'])
  await box.files.remove('a')
  assert.equal(await box.files.exists('a'), false)
})

check('a watched folder tells every event', async (box) => {
  await box.files.makeDir('watched/below')
  const seen = []
  let enough
  const done = new Promise((resolve) => { enough = resolve })
  const handle = await box.files.watchDir('watched', (event) => {
    seen.push(`${event.type} ${event.name}`)
    if (event.type === 'remove') enough()
  }, { recursive: true })
  await box.files.write('watched/below/f', 'x')
  await box.files.rename('watched/below/f', 'watched/g')
  await box.files.remove('watched/g')
  await done
  await handle.stop()
  assert.deepEqual(seen, ['create below/f', 'chmod below/f', 'write below/f', 'rename below/f', 'create g', 'remove g'])
})

check('what is not there throws a not-found error', async (box) => {
  await assert.rejects(box.files.read('none'), e2b.NotFoundError)
  await assert.rejects(box.files.list('none'), e2b.NotFoundError)
  await assert.rejects(box.files.watchDir('none', () => {}), e2b.NotFoundError)
})

check('signed URLs of files', async (box) => {
  await box.files.write('signed', 'content')
  const down = await box.downloadUrl('signed', { useSignatureExpiration: 60 })
  assert.equal(await (await fetch(down)).text(), 'content')
  const form = new FormData()
  form.append('file', new Blob(['sent']), 'ignored')
  assert.equal((await fetch(await box.uploadUrl('sent', {}), { method: 'POST', body: form })).status, 200)
  assert.equal(await box.files.read('sent'), 'sent')
  assert.equal((await fetch(down.replace('signature=v1_', 'signature=v1_x'))).status, 401)
})

// ------------------------------------------------------------- the box

check('a port is reached by its host name', async (box) => {
  await box.commands.run('echo hello > index.html; python3 -m http.server 8123', { background: true, timeoutMs: 0 })
  let body = ''
  for (let turn = 0; turn < 50 && !body.includes('hello'); turn++) {
    await sleep(100)
    body = await get(box.getHost(8123))
  }
  assert.equal(body, 'hello\n')
  assert.match(await get(box.getHost(3999)), /port is not open/)
})

check('a box says what it is', async (box) => {
  const info = await box.getInfo()
  assert.deepEqual([info.sandboxId, info.metadata.suite, info.state], [box.sandboxId, 'js', 'running'])
  assert.ok(info.endAt > info.startedAt)
  assert.ok(await box.isRunning())
})

check('boxes are listed by metadata, page by page', async (box) => {
  const other = await Sandbox.create({ metadata: { suite: 'js' } })
  try {
    const pages = Sandbox.list({ query: { metadata: { suite: 'js' } }, limit: 1 })
    const found = []
    while (pages.hasNext) found.push(...(await pages.nextItems()).map((each) => each.sandboxId))
    assert.deepEqual(found, [other.sandboxId, box.sandboxId])
  } finally {
    await other.kill()
  }
})

check('a box can be given more time, and connected to', async (box) => {
  await box.setTimeout(100000)
  const before = (await box.getInfo()).endAt
  await Sandbox.connect(box.sandboxId, { timeoutMs: 400000 })
  assert.ok((await box.getInfo()).endAt > before)
})

check('a paused box goes on where it was', async (box) => {
  const running = await box.commands.run('sleep 60', { background: true, timeoutMs: 0 })
  await box.files.write('kept', 'kept')
  await box.pause()
  assert.equal(await box.isRunning(), false)
  assert.equal((await box.getInfo()).state, 'paused')
  await box.connect()
  assert.equal(await box.files.read('kept'), 'kept')
  assert.ok((await box.commands.list()).some((each) => each.pid === running.pid))
  await box.commands.kill(running.pid)
  await running.wait().catch(() => {})
})

check('a snapshot makes boxes', async (box) => {
  await box.files.write('kept', 'in the snapshot')
  const snapshot = await box.createSnapshot()
  const copy = await Sandbox.create(snapshot.snapshotId)
  try {
    assert.equal(await copy.files.read('kept'), 'in the snapshot')
  } finally {
    await copy.kill()
  }
  assert.equal(await Sandbox.deleteSnapshot(snapshot.snapshotId), true)
})

check('a box has figures', async (box) => {
  const figures = await box.getMetrics()
  assert.ok(figures.length > 0 && figures[0].memTotal > 0 && figures[0].cpuCount > 0)
})

check('errors have their classes', async () => {
  await assert.rejects(Sandbox.connect('inone0000000000000000'), e2b.SandboxNotFoundError)
  await assert.rejects(Sandbox.create({ apiKey: `e2b_${'0'.repeat(40)}` }), e2b.AuthenticationError)
  assert.equal(await Sandbox.kill('inone0000000000000000'), false)
})

check('a killed box says so', async () => {
  const box = await Sandbox.create()
  const running = await box.commands.run('sleep 60', { background: true, timeoutMs: 0 })
  const ended = assert.rejects(running.wait(), e2b.TimeoutError)
  assert.equal(await box.kill(), true)
  await ended
  await assert.rejects(box.commands.run('true'), e2b.SandboxNotFoundError)
  assert.equal(await box.isRunning(), false)
})

// Names below localhost are not everybody's to resolve: the edge tells boxes apart by the Host field.
function get(host) {
  const where = new URL(process.env.E2B_SANDBOX_URL)
  return new Promise((resolve, reject) => {
    http.get({ host: where.hostname, port: where.port, headers: { host } }, async (answer) => {
      let body = ''
      for await (const piece of answer) body += piece
      resolve(body)
    }).on('error', reject)
  })
}

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

for (const [name, run] of checks) {
  let box
  try {
    box = await Sandbox.create({ metadata: { suite: 'js' }, timeoutMs: 60000 })
    await run(box)
    tell({ name, ok: true })
  } catch (error) {
    tell({ name, ok: false, error: String(error?.stack ?? error).slice(0, 2000) })
  } finally {
    await box?.kill().catch(() => {})
  }
}
process.exit(0)
