import { spawn } from "node:child_process";
import { once } from "node:events";

async function signalled(script, signal) {
  const child = spawn(process.execPath, ["-e", `${script}; setInterval(() => {}, 1000); console.log("ready")`]);
  let out = "";
  child.stdout.on("data", (data) => { if (String(data).includes("ready") && !out) child.kill(signal); out += data; });
  return [signal, ...(await once(child, "close")), out];
}
console.log(await signalled("", "SIGTERM"));
console.log(await signalled("", "SIGKILL"));
console.log(await signalled("", "SIGINT"));
console.log(await signalled("process.on('SIGTERM', (name, number) => { console.log('handled', name, number); process.exit(3); })", "SIGTERM"));
console.log(await signalled("process.once('SIGINT', () => { console.log('once'); process.kill(process.pid, 'SIGTERM'); })", "SIGINT"));
console.log(await signalled("process.on('SIGUSR2', () => { console.log('user'); process.exitCode = 8; process.exit(); })", "SIGUSR2"));
const busy = spawn(process.execPath, ["-e", "console.log('busy'); while (true);"]);
await once(busy.stdout, "data");
busy.kill("SIGKILL");
console.log(await once(busy, "close"));
process.on("SIGHUP", () => console.log("own signal"));
process.kill(process.pid, "SIGHUP");
setTimeout(() => {}, 50);
