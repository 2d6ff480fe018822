// Serves the application and tests it from outside, by fetch. Says what it found as an output of its step.
const assert = require("node:assert/strict");
const { appendFileSync } = require("node:fs");
const app = require("./app.js");

const server = app.listen(Number(process.argv[2] ?? 0), async () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const page = await fetch(`${origin}/`);
  assert.match(await page.text(), /Hello from express/);
  const greeting = await fetch(`${origin}/greet/runner`);
  assert.equal(greeting.headers.get("set-cookie"), "last=runner; Path=/");
  assert.deepEqual(await greeting.json(), { greeting: "Hello, runner!" });
  const body = JSON.stringify({ numbers: [40, 2] });
  const sum = await fetch(`${origin}/sum`, { method: "POST", body, headers: { "content-type": "application/json" } });
  assert.equal(sum.status, 201);
  assert.deepEqual(await sum.json(), { sum: 42 });
  assert.equal((await fetch(`${origin}/absent`)).status, 404);
  const where = process.env.WEBCONTAINER_ENGINE ? "a WebContainer" : "another box";
  console.log(`4 requests answered as they should be, in ${where}`);
  if (process.env.RUNNER_OUTPUT) appendFileSync(process.env.RUNNER_OUTPUT, `where=${JSON.stringify(where)}\n`);
  server.close(() => process.exit(0));
});
