import { isMainThread, parentPort, workerData } from "node:worker_threads";

parentPort.postMessage([isMainThread, workerData, process.argv.slice(2), process.env.OWN]);
parentPort.on("message", (message) => {
  if (message === "exit") process.exit(2);
  if (message.add) parentPort.postMessage([workerData.start + message.add, message.list]);
  if (message.shared) { Atomics.store(new Int32Array(message.shared), 0, 42); parentPort.postMessage("done"); }
  if (message.bytes) parentPort.postMessage(message.bytes);
  if (message.port) { message.port.on("message", (text) => message.port.postMessage(`heard ${text}`)); }
});
