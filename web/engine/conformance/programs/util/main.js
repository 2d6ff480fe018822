const util = require("util");

const later = (value, done) => setImmediate(() => (value < 0 ? done(new Error("negative")) : done(null, value * 2)));
(async () => {
  console.log(await util.promisify(later)(4), await util.promisify(later)(-1).catch((error) => error.message));
  util.callbackify(async (x) => x + 1)(1, (error, value) => console.log("callbackify", error, value));
  util.callbackify(() => Promise.reject(null))((error) => console.log(error.code, error.message));
  await new Promise(setImmediate);
  console.log(util.isDeepStrictEqual({ a: [1, new Set([1])] }, { a: [1, new Set([1])] }), util.isDeepStrictEqual([1], ["1"]));
  const { types } = util;
  console.log(types.isPromise(Promise.resolve()), types.isRegExp(/a/), types.isDate({}), types.isUint8Array(Buffer.alloc(1)), types.isProxy(new Proxy({}, {})), types.isAsyncFunction(async () => {}), types.isGeneratorFunction(function* () {}), types.isMap(new Map()), types.isNativeError(new TypeError()), types.isBoxedPrimitive(Object(1)), types.isArgumentsObject((function () { return arguments; })()), types.isModuleNamespaceObject(await import("fs")));
  console.log(util.parseArgs({ args: ["-f", "--bar", "b", "pos", "--no-color", "--", "-x"], options: { foo: { type: "boolean", short: "f" }, bar: { type: "string" }, color: { type: "boolean" } }, allowPositionals: true, allowNegative: true }));
  try { util.parseArgs({ args: ["--none"], options: {} }); } catch (error) { console.log(error.code); }
  console.log(util.stripVTControlCharacters("\u001b[31mred\u001b[0m"), util.toUSVString("a\ud800"), util.inspect.defaultOptions.depth);
  function Old() {}
  function Base() {}
  Base.prototype.hello = () => "hello";
  util.inherits(Old, Base);
  console.log(new Old().hello(), Old.super_ === Base);
  console.log(new util.TextEncoder().encode("ü€"), new util.TextDecoder("utf-16le").decode(new Uint8Array([65, 0, 66, 0])));
  try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])); } catch (error) { console.log(error.name, error.code); }
  console.log(util.types.isExternal({}), typeof util.debuglog("x"), util.getSystemErrorName(-2), util.format("%s", new Error("e").message));
  const mime = new util.MIMEType("text/html; charset=utf-8");
  console.log(mime.essence, mime.params.get("charset"), String(mime));
  console.log(util.styleText ? util.styleText("red", "x") === "\u001b[31mx\u001b[39m" : true);
  console.log(structuredClone({ a: new Map([[1, new Date(0)]]) }), typeof queueMicrotask, util.isArray([]));
  process.once("warning", (warning) => console.log(warning.name, warning.code, warning.message));
  util.deprecate(() => {}, "is old", "DEP_X")();
})();
