import EventEmitter, { captureRejectionSymbol, errorMonitor, getEventListeners, on, once } from "node:events";

const emitter = new EventEmitter();
emitter.on("newListener", (name) => console.log("newListener", name));
emitter.on("a", (...args) => console.log("on", args));
emitter.prependListener("a", () => console.log("prepended"));
emitter.once("a", function () { console.log("once", this === emitter); });
console.log(emitter.emit("a", 1, 2), emitter.emit("a"), emitter.emit("none"));
console.log(emitter.eventNames(), emitter.listenerCount("a"), emitter.rawListeners("a").length, emitter.getMaxListeners());
emitter.off("a", console.log).removeAllListeners("a");
try { emitter.emit("error", new Error("unheard")); } catch (error) { console.log(error.message); }
try { emitter.emit("error", { not: "an error" }); } catch (error) { console.log(error.code, error.message); }
emitter.on(errorMonitor, (error) => console.log("monitor", error.message));
emitter.on("error", (error) => console.log("error", error.message));
emitter.emit("error", new Error("heard"));

setTimeout(() => emitter.emit("later", "x", "y"), 1);
console.log(await once(emitter, "later"));
setTimeout(() => emitter.emit("error", new Error("instead")), 1);
await once(emitter, "never").catch((error) => console.log("rejected", error.message));
const abort = new AbortController();
setTimeout(() => abort.abort(), 1);
await once(emitter, "never", { signal: abort.signal }).catch((error) => console.log(error.name, error.code));

setTimeout(() => { for (const n of [1, 2, 3]) emitter.emit("n", n); }, 1);
for await (const [n] of on(emitter, "n")) {
  console.log("on", n);
  if (n === 3) break;
}
console.log(getEventListeners(emitter, "n").length);

const target = new EventTarget();
target.addEventListener("x", (event) => console.log(event.type, event.detail, event instanceof Event), { once: true });
target.dispatchEvent(new CustomEvent("x", { detail: 5 }));
target.dispatchEvent(new CustomEvent("x"));
const capturing = new EventEmitter({ captureRejections: true });
capturing.on("go", async () => { throw new Error("async"); });
capturing[captureRejectionSymbol] = (error, name) => console.log("captured", error.message, name);
capturing.emit("go");
process.on("warning", (warning) => console.log(warning.name, warning.type, warning.count));
for (let count = 0; count < 11; count++) emitter.on("many", () => {});
try { emitter.on("x", "not a function"); } catch (error) { console.log(error.code, error.message); }
class Own extends EventEmitter {}
console.log(new Own() instanceof EventEmitter, EventEmitter.EventEmitter === EventEmitter, EventEmitter.defaultMaxListeners);
