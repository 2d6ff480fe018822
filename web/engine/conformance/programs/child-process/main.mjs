import { exec, execFile, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

console.log(await promisify(exec)("echo out; echo err >&2"));
await promisify(exec)("echo partly; exit 3").catch((error) => console.log(error.code, error.killed, error.stdout, error.cmd));
console.log((await promisify(execFile)(process.execPath, ["-e", "console.log(process.argv.slice(1), process.env.OWN)", "a b", "$c"], { env: { ...process.env, OWN: "yes" } })).stdout);

const cat = spawn("cat");
cat.stdin.write("through ");
cat.stdin.end("cat");
console.log(await text(cat.stdout), await once(cat, "close"));

const child = spawn(process.execPath, ["child.mjs", "one"], { stdio: ["pipe", "pipe", "pipe"] });
console.log(typeof child.pid, child.exitCode, child.spawnargs.slice(1));
child.stdin.end("given");
const [out, err, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
console.log(out, err, code, signal, child.exitCode);

const waiting = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
await once(waiting, "spawn");
console.log(waiting.kill(), await once(waiting, "exit"), waiting.killed, waiting.signalCode);
const [missing] = await once(spawn("no-such-command"), "error");
console.log(missing.code, missing.syscall, missing.path, missing.message);

const forked = fork("child.mjs", ["forked"], { silent: true });
forked.send({ question: [1, { deep: true }] });
console.log(await once(forked, "message").then(([message]) => message), forked.connected);
forked.disconnect();
console.log(await once(forked, "exit"));

const inherited = spawn("echo inherited; exit 4", { shell: true, stdio: "inherit" });
console.log(await once(inherited, "close"));
const slow = await promisify(exec)("sleep 5", { timeout: 50 }).catch((error) => error);
console.log(slow.killed, slow.signal, slow.code);
const abort = new AbortController();
setTimeout(() => abort.abort(), 20);
const aborted = await promisify(execFile)("sleep", ["5"], { signal: abort.signal }).catch((error) => error);
console.log(aborted.name, aborted.code);
const big = await promisify(exec)(`"${process.execPath}" -e "process.stdout.write('x'.repeat(500000))"`, { maxBuffer: 1e6 });
console.log(big.stdout.length);
