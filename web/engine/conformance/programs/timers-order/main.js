const log = (...words) => console.log(...words);
setTimeout(() => log("timeout 0"), 0);
setTimeout(() => log("timeout 200"), 200);
setTimeout(() => { log("timeout 20"); process.nextTick(() => log("tick in timeout")); Promise.resolve().then(() => log("promise in timeout")); setImmediate(() => log("immediate in timeout")); }, 20);
setTimeout(() => log("timeout 20 again"), 20);
process.nextTick(() => { log("tick 1"); process.nextTick(() => log("tick in tick")); Promise.resolve().then(() => log("promise in tick")); });
Promise.resolve().then(() => { log("promise 1"); process.nextTick(() => log("tick in promise")); }).then(() => log("promise 2"));
queueMicrotask(() => log("microtask"));
process.nextTick(log, "tick with", "arguments");
(async () => { log("async start"); await null; log("async after await"); await new Promise((done) => setTimeout(done, 300)); log("async after timeout"); })();
setTimeout(() => require("fs").readFile(__filename, () => {
  setTimeout(() => log("timeout from io"), 0);
  setImmediate(() => log("immediate from io"));
  process.nextTick(() => log("tick from io"));
}), 500);
log("main end");
