class Stack { #items = []; static #made = 0; static { this.ready = true; } constructor() { Stack.#made++; } push(...items) { this.#items.push(...items); return this; } get size() { return this.#items.length; } *[Symbol.iterator]() { yield* this.#items; } static get made() { return Stack.#made; } static is(other) { return #items in other; } }
const stack = new Stack().push(1, 2, 3);
console.log([...stack], stack.size, Stack.made, Stack.ready, Stack.is({}), stack);
async function* merged(...sources) { for (const source of sources) yield* source; }
const all = [];
for await (const value of merged([1, Promise.resolve(2)], (async function* () { yield 3; })())) all.push(value);
console.log(all, await Promise.allSettled([1, Promise.reject(2)]), await Promise.any([Promise.reject(1), 2]), await Promise.race([3, new Promise(() => {})]));
console.log("2024-05-06".replace(/(?<y>\d+)-(?<m>\d+)-(?<d>\d+)/u, "$<d>.$<m>.$<y>"), [..."a1b2".matchAll(/[a-z](\d)/g)].map((m) => m[1]), /(?<=\$)\d+/.exec("$42")[0], /\p{Lu}/u.test("É"));
console.log(new Intl.NumberFormat("en-US", { style: "currency", currency: "EUR" }).format(1234.5), new Date(0).toLocaleDateString("en-GB", { timeZone: "UTC" }), (1234567.891).toLocaleString("en-US"), ["b", "ä", "a"].sort(new Intl.Collator("de").compare));
const proxy = new Proxy({}, { get: (_, name) => `got ${String(name)}`, has: () => true, ownKeys: () => ["x"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }) });
console.log(proxy.thing, "y" in proxy, Object.keys(proxy), Reflect.ownKeys(proxy));
console.log([3, 1, 2].toSorted(), [1, 2, 3].at(-1), [1, 2, 3].findLast((n) => n < 3), structuredClone(new Map([[1, { a: [1n] }]])));
label: for (const a of [1, 2]) { for (const b of [1, 2]) { if (b === 2) continue label; console.log(a, b); } }
const weak = new WeakRef(stack);
console.log(weak.deref() === stack, 2n ** 64n, 0.1 + 0.2, [10, 9, 1].sort(), typeof document, typeof window, typeof self, typeof importScripts, typeof require, this);
