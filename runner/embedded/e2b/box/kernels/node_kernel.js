// The JavaScript kernel: one JSON request a line on standard input, one JSON answer a line on the descriptor that is
// the first argument. Node's own read-eval loop does the evaluating, so that `await`, `require` and declarations that
// live on work as people know them.
'use strict';
const fs = require('node:fs');
const repl = require('node:repl');
const util = require('node:util');
const nodeModule = require('node:module');
const { PassThrough } = require('node:stream');
const readline = require('node:readline');

const out = Number(process.argv[2]);
const say = (message) => {
  let rest = Buffer.from(JSON.stringify(message) + '\n');
  while (rest.length) {
    try {
      rest = rest.subarray(fs.writeSync(out, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};

for (const name of ['stdout', 'stderr']) {
  process[name].write = (text, encoding, done) => {
    say({ type: name, text: typeof text === 'string' ? text : Buffer.from(text).toString('utf8') });
    const call = typeof encoding === 'function' ? encoding : done;
    if (call) process.nextTick(call);
    return true;
  };
}
process.argv.splice(1);

const loop = repl.start({
  input: new PassThrough(), output: new PassThrough(), terminal: false, prompt: '', useGlobal: true,
  ignoreUndefined: true, breakEvalOnSigint: true,
});
// What waits is broken off by the loop; while code runs, the loop watches for the signal itself, and a listener's
// removal would undo its watch.
const broken = () => loop.emit('SIGINT');
process.on('SIGINT', broken);
const fail = (error) => {
  const known = error !== null && typeof error === 'object' && 'message' in error;
  say({
    type: 'error',
    name: known ? String(error.name || 'Error') : 'Error',
    value: known ? String(error.message) : util.inspect(error),
    stack: known ? String(error.stack || error.message) : util.inspect(error),
  });
};
// Depending on Node's version, what code throws comes by the callback, by the loop's domain, or as uncaught.
let finish = null;
const thrown = (error) => {
  if (finish === null) return; // of code that is done: nobody listens any more
  fail(error);
  finish();
};
if (loop._domain) loop._domain.removeAllListeners('error').on('error', thrown);
process.on('uncaughtException', thrown);
process.on('unhandledRejection', thrown);

// The loop takes no static imports; the same by `await import()`.
const IMPORT = /((?<=^|;)[ \t]*)import\s+(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)|\{([^}]*)\})?\s*(?:from\s*)?(['"][^'"]+['"])\s*;?/gm;
const withImports = (code) => code.replace(IMPORT, (_, space, whole, all, some, from) => {
  const names = [];
  if (whole) names.push(`default: ${whole}`);
  if (some) names.push(some.replace(/([\w$]+)\s+as\s+([\w$]+)/g, '$1: $2'));
  if (all) return `${space}const ${all} = await import(${from});` + (whole ? ` const ${whole} = ${all}.default;` : '');
  return names.length ? `${space}const { ${names.join(', ')} } = await import(${from});` : `${space}await import(${from});`;
});

const shown = (value) => {
  const own = value !== null && typeof value === 'object' ? value[Symbol.for('Jupyter.display')] : undefined;
  if (typeof own === 'function') return own.call(value);
  return { 'text/plain': typeof value === 'string' ? value : util.inspect(value) };
};

const evaluate = (code) => new Promise((resolve) => {
  finish = () => {
    finish = null;
    resolve();
  };
  let text = code;
  if (typeof nodeModule.stripTypeScriptTypes === 'function') {
    try {
      text = nodeModule.stripTypeScriptTypes(code);
    } catch {
      text = code; // no TypeScript: the evaluation itself says what is wrong
    }
  }
  process.off('SIGINT', broken);
  loop.eval(withImports(text) + '\n', loop.context, 'cell.js', (error, value) => {
    if (finish === null) return;
    if (error) thrown(error instanceof repl.Recoverable ? error.err : error);
    else if (value !== undefined) say({ type: 'result', main: true, data: shown(value) });
    if (finish !== null) finish();
  });
  process.on('SIGINT', broken);
});

const serve = async () => {
  process.emitWarning = () => {};
  say({ type: 'ready' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    if (request.code !== undefined) await evaluate(request.code);
    for (const [name, value] of Object.entries(request.set || {})) process.env[name] = value;
    for (const name of request.unset || []) delete process.env[name];
    say({ type: 'done' });
  }
  process.exit(0);
};
serve();
