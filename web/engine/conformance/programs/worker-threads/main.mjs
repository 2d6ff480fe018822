import { once } from "node:events";
import { BroadcastChannel, MessageChannel, Worker, isMainThread, parentPort, receiveMessageOnPort, threadId, workerData } from "node:worker_threads";

console.log(isMainThread, parentPort, threadId, workerData);
const worker = new Worker(new URL("./worker.mjs", import.meta.url), { workerData: { start: 5 }, argv: ["arg"], env: { OWN: "env" } });
worker.on("online", () => console.log("online"));
console.log((await once(worker, "message"))[0]);
worker.postMessage({ add: 3, list: new Map([[1, new Set(["x"])]]) });
console.log((await once(worker, "message"))[0]);
const shared = new SharedArrayBuffer(8);
worker.postMessage({ shared });
await once(worker, "message");
console.log(new Int32Array(shared));
const bytes = new Uint8Array([1, 2, 3]);
worker.postMessage({ bytes }, [bytes.buffer]);
console.log((await once(worker, "message"))[0], bytes.length);
const { port1, port2 } = new MessageChannel();
worker.postMessage({ port: port2 }, [port2]);
port1.postMessage("over a port");
console.log((await once(port1, "message"))[0]);
port1.close();
worker.postMessage("exit");
console.log(await once(worker, "exit"));

const failing = new Worker("throw new RangeError('in the worker')", { eval: true });
// Listened for before the error: the exit may follow it before an await goes on.
const ended = new Promise((resolve) => failing.on("exit", (...args) => resolve(args)));
console.log(await once(failing, "error").then(([error]) => [error.name, error.message, error instanceof Error]));
console.log(await ended);
const endless = new Worker("setInterval(() => {}, 1000); require('worker_threads').parentPort.postMessage('up')", { eval: true });
await once(endless, "message");
console.log(await endless.terminate());
const printing = new Worker("console.log('from a worker'); process.exit(4)", { eval: true, stdout: true });
let out = "";
printing.stdout.on("data", (data) => (out += data));
console.log(await once(printing, "exit"), out.trim());
const channel = new MessageChannel();
channel.port1.postMessage({ sync: true });
console.log(receiveMessageOnPort(channel.port2), receiveMessageOnPort(channel.port2), typeof BroadcastChannel);
channel.port1.close();
for (const options of [{ execArgv: ["--nope", "--title=x"] }, { execArgv: ["--require"] }, { env: { NODE_OPTIONS: "--nope" } }]) {
  try {
    new Worker("", { eval: true, ...options });
  } catch (error) {
    console.log(error.code, error.message);
  }
}
