import timers from "node:timers";
import { scheduler, setImmediate as immediate, setInterval as every, setTimeout as sleep } from "node:timers/promises";

let count = 0;
await new Promise((done) => {
  const interval = setInterval(() => { count++; if (count === 3) { clearInterval(interval); done(); } }, 2);
});
console.log("interval", count);
const timeout = setTimeout(() => console.log("never"), 5);
console.log(timeout.hasRef(), timeout.unref().hasRef(), timeout.ref().hasRef(), typeof timeout[Symbol.toPrimitive](), timeout.constructor.name);
clearTimeout(timeout);
clearTimeout(undefined);
clearTimeout(12345);
const byNumber = setTimeout(() => console.log("never"), 5);
clearTimeout(Number(byNumber));
setTimeout((...words) => console.log("words", ...words), 1, "a", "b");
console.log(await sleep(3, "value"), await immediate("now"));
const abort = new AbortController();
sleep(1000, null, { signal: abort.signal }).catch((error) => console.log(error.name, error.code));
abort.abort();
let rounds = 0;
for await (const value of every(2, "tick")) { console.log(value); if (++rounds === 2) break; }
await scheduler.wait(2);
console.log(timers.setTimeout === setTimeout, typeof setImmediate(() => {}).constructor);
const immediateOne = setImmediate(() => console.log("never"));
clearImmediate(immediateOne);
const again = setTimeout(() => console.log("refreshed"), 10);
again.refresh();
await sleep(20);
try { setTimeout("code"); } catch (error) { console.log(error.code); }
const started = performance.now();
await sleep(30);
console.log(performance.now() - started >= 20, AbortSignal.timeout(1).aborted);
await new Promise((done) => { AbortSignal.timeout(2).addEventListener("abort", (event) => { console.log(event.target.reason.name); done(); }); setTimeout(() => {}, 20); });
setTimeout(() => console.log("an unref'd timer does not keep the process"), 60_000).unref();
setInterval(() => {}, 60_000).unref();
