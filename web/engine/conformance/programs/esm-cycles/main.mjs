import "./first.mjs";
import { count, increment } from "./counter.mjs";
import * as counter from "./counter.mjs";
import { even } from "./even.mjs";
import Default, { renamed as other, "string name" as strange } from "./names.mjs";
import * as star from "./star.mjs";

console.log("main");
increment();
increment();
console.log(count, counter.count, Object.keys(counter), counter[Symbol.toStringTag]);
console.log(even(10), even(7));
console.log(new Default().hello(), other, strange);
console.log(star, Object.isFrozen(star), "default" in star);
for (const attempt of [() => { counter.count = 5; }, () => { star.added = 1; }, () => { delete counter.count; }]) {
  try { attempt(); } catch (error) { console.log(error.name, error.message); }
}
try { (0, eval)("0").x; count++; } catch (error) { console.log(error.name, error.message); }
console.log(typeof this, typeof module, typeof __filename, import.meta.url.startsWith("file://"), import.meta.url.endsWith("/main.mjs"));
