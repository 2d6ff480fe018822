// Drives the genuine `@e2b/code-interpreter` and `@e2b/desktop` packages against an endpoint that has both templates.
// One line of JSON per check: {name, ok, error}.
// Usage: node services.mjs NODE_MODULES   (E2B_API_URL, E2B_SANDBOX_URL, E2B_API_KEY tell where)
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

globalThis.crypto ??= webcrypto // Node 18 has it under another name
const load = (name) => import(pathToFileURL(`${process.argv[2]}/${name}/dist/index.mjs`))
const interpreter = await load('@e2b/code-interpreter')
const desktop = await load('@e2b/desktop')

const checks = []
const check = (name, kind, run) => checks.push([name, kind, run])

check('code keeps its state, and its last value is the result', 'code', async (box) => {
  await box.runCode('number = 40')
  const run = await box.runCode('number + 2')
  assert.equal(run.text, '42')
})

check('output streams while the code runs', 'code', async (box) => {
  const heard = []
  const run = await box.runCode('import sys\nprint("out"); print("err", file=sys.stderr)', {
    onStdout: (message) => heard.push(message.line), onStderr: (message) => heard.push(message.line),
  })
  assert.deepEqual(heard.sort(), ['err\n', 'out\n'])
  assert.deepEqual(run.logs.stdout, ['out\n'])
})

check('an exception is an error with its name', 'code', async (box) => {
  const { error } = await box.runCode('{}["key"]')
  assert.equal(error.name, 'KeyError')
})

check('a chart is data', 'code', async (box) => {
  const run = await box.runCode('import matplotlib.pyplot as plot\nplot.plot([1, 2], [3, 4]); plot.show()')
  assert.equal(run.results[0].chart.type, 'line')
  assert.ok(run.results[0].png.length > 1000)
})

check('contexts, languages and variables', 'code', async (box) => {
  const context = await box.createCodeContext({ cwd: '/tmp' })
  assert.equal((await box.runCode('import os; os.getcwd()', { context })).text, '/tmp')
  assert.equal((await box.runCode('process.env.WORD', { language: 'js', envs: { WORD: 'said' } })).text, 'said')
  await box.removeCodeContext(context)
  assert.ok(!(await box.listCodeContexts()).some((each) => each.id === context.id))
})

check('code past its time is broken off', 'code', async (box) => {
  await assert.rejects(box.runCode('import time; time.sleep(60)', { timeoutMs: 1500 }))
  assert.equal((await box.runCode('1 + 1')).text, '2')
})

check('the desktop has the size that was asked for', 'desktop', async (box) => {
  assert.deepEqual(await box.getScreenSize(), { width: 900, height: 700 })
})

check('a screenshot is a picture of it', 'desktop', async (box) => {
  const png = Buffer.from(await box.screenshot())
  assert.equal(png.subarray(1, 4).toString(), 'PNG')
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [900, 700])
})

check('an editor takes what is typed', 'desktop', async (box) => {
  await box.launch('org.xfce.mousepad', '/home/user/letter.txt')
  for (let tries = 0; tries < 100; tries++) {
    if ((await box.getWindowTitle(await box.getCurrentWindowId())).includes('letter.txt')) break
    await sleep(100)
  }
  await box.write('typed by a program')
  await box.press(['ctrl', 's'])
  await sleep(500)
  assert.equal(await box.files.read('/home/user/letter.txt'), 'typed by a program')
})

check('the stream wants its key', 'desktop', async (box) => {
  await box.stream.start({ requireAuth: true })
  const key = box.stream.getAuthKey()
  assert.ok(box.stream.getUrl({ authKey: key }).includes(`password=${key}`))
  const answer = await fetch(`${process.env.E2B_SANDBOX_URL}/box/${box.sandboxId}/6080/vnc.html`)
  assert.equal(answer.status, 200)
  await box.stream.stop()
})

const boxes = {
  code: await interpreter.Sandbox.create({ timeoutMs: 120_000 }),
  desktop: await desktop.Sandbox.create({ resolution: [900, 700], timeoutMs: 120_000 }),
}
try {
  for (const [name, kind, run] of checks) {
    let error
    try {
      await run(boxes[kind])
    } catch (failure) {
      error = String(failure.stack ?? failure)
    }
    console.log(JSON.stringify({ name, ok: error === undefined, error }))
  }
} finally {
  for (const box of Object.values(boxes)) await box.kill()
}
