const util = require("util");

class Point { constructor() { this.x = 1; this.y = [1, 2, { deep: { er: { est: 1 } } }]; } get sum() { return 1; } static z = 1; }
const circular = { name: "c" };
circular.self = circular;
circular.list = [circular];
const values = [
  1, -0, 10n, "it's", 'a "b" \'c\'', "line\nbreak", null, undefined, true, Symbol("s"), NaN,
  [1, , 3], [], {}, new Array(3), Array.from({ length: 120 }, (_, i) => i), "long ".repeat(30).split(" "),
  { a: 1, "b-c": 2, [Symbol("k")]: 3, f() {}, g: () => 1, h: class A extends Point {}, async i() {} },
  new Point(), Object.create(null), Object.create({ inherited: 1 }), circular,
  new Map([[{ k: 1 }, "v"], ["x", new Map([[1, 2]])]]), new Set([1, "2", [3]]), new WeakMap(), new WeakSet(),
  new Date(0), new Date(NaN), /re+/gi, Buffer.from("hello"), new Uint8Array([1, 2, 3]), new ArrayBuffer(4), new DataView(new ArrayBuffer(2)),
  new Proxy({ a: 1 }, {}), Point, function named() {}, (function () { return arguments; })(1, 2), new Number(3), new String("boxed"), Object(Symbol("b")),
  { get a() { return 1; }, set a(v) {}, get b() { return 1; }, set c(v) {} },
  [[[[[1]]]]], { a: { b: { c: { d: 1 } } } }, "x".repeat(200), ["x".repeat(100), "y".repeat(80)], new (class extends Map {})([[1, 2]]),
  new (class extends Array {})(3), globalThis === global, [undefined, null], { undefined, null: null }, (async () => {}), [1, 2][Symbol.iterator](),
];
for (const value of values) console.log(value);
console.log(util.inspect(circular, { depth: 0 }), util.inspect({ a: { b: { c: {} } } }, { depth: 0 }), util.inspect("str"), util.inspect({ a: 1, b: "x" }, { colors: true }));
console.log(util.inspect({ a: 1, b: { c: 2 } }, { compact: false }), util.inspect(new Map([["a", 1]]), { showHidden: true }), util.inspect({ b: 1, a: 2 }, { sorted: true }));
console.log(util.inspect("a".repeat(20), { maxStringLength: 5 }), util.inspect([1, 2, 3, 4], { maxArrayLength: 2 }), util.inspect({ a: 123456.789 }, { numericSeparator: true }), util.inspect({ get a() { return 5; } }, { getters: true }));
console.log({ [util.inspect.custom](depth, options, inspect) { return `custom ${depth} ${typeof options.stylize} ${typeof inspect}`; } });
console.log(util.format("%s %d %i %f %j %o %O %% %c|", "str", 1.5, 2.7, "3.25", { a: 1 }, [1], { b: 2 }, "css"), util.format("%s", null, undefined, 5n, Symbol("a"), { a: { b: 1 } }, () => 1), util.format("a", "b", { c: 1 }), util.format("%d", "x"), util.format(1, 2, "3"));
console.log("%s is %d", "one", 1, "rest", { x: 1 });
const error = new TypeError("message");
error.stack = "TypeError: message\n    at place";
error.code = "E_CODE";
console.log(error, { error });
const caused = new Error("outer", { cause: "inner" });
caused.stack = "Error: outer\n    at place";
console.log(caused);
console.log(new (class Special extends Error { constructor() { super("special"); this.stack = "Error: special\n    at p"; } })());
const aggregate = new AggregateError([1, 2], "many");
aggregate.stack = "AggregateError: many\n    at place";
console.log(aggregate);
