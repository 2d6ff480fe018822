// Prints what every core module has: for each name whether it is a function, a class, refused, or something else.
// `class#method` are the methods of a class, own or inherited. A refusal of the local engine bears the symbol `runner.refusal`, with the error's text.
const { builtinModules } = require("node:module");

const REFUSAL = Symbol.for("runner.refusal");
const only = ["node:test", "node:test/reporters", "node:sea"];

function kind(value) {
  if (typeof value !== "function") return value === null ? "null" : typeof value;
  return Object.hasOwn(value, REFUSAL) ? `refused: ${value[REFUSAL]}` : "function";
}

function described(owner, name) {
  const { value, get } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  return get ? "getter" : kind(value);
}

function names(value, found, prefix) {
  for (const name of Object.keys(value)) {
    if (name.startsWith("_")) continue;
    found[prefix + name] = described(value, name);
    const prototype = typeof value[name] === "function" && found[prefix + name] === "function" ? value[name].prototype : undefined;
    for (let owner = prototype; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
      for (const method of Object.getOwnPropertyNames(owner)) {
        const full = `${prefix}${name}#${method}`;
        if (method !== "constructor" && !method.startsWith("_")) found[full] ??= (owner === prototype ? "" : "inherited ") + described(owner, method);
      }
    }
  }
  return found;
}

const modules = {};
for (const name of process.argv.length > 2 ? process.argv.slice(2) : [...builtinModules.filter((name) => !name.startsWith("_") && !name.includes("wasi")), ...only]) {
  try {
    const value = require(name);
    modules[name] = { "": kind(value), ...names(value, {}, "") };
  } catch (error) {
    modules[name] = { "": `fails: ${error.message}` };
  }
}
modules.globalThis = Object.fromEntries(Object.getOwnPropertyNames(globalThis).filter((name) => !/^[_$]|^undefined$/.test(name)).map((name) => [name, typeof globalThis[name]]));
modules.process = {};
for (let owner = process; owner !== Object.prototype && owner !== null; owner = Object.getPrototypeOf(owner)) {
  for (const name of Object.getOwnPropertyNames(owner)) if (!name.startsWith("_")) modules.process[name] ??= described(owner, name);
}
console.log(JSON.stringify(modules));
