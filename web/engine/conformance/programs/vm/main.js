const vm = require("vm");

const context = vm.createContext({ x: 2, console, list: [] });
console.log(vm.runInContext("x += 40; var made = 'global'; list.push(x); x", context), context.x, context.made, context.list);
console.log(vm.runInNewContext("a + b", { a: 1, b: 2 }), vm.isContext(context), vm.isContext({}));
const script = new vm.Script("globalThis.count = (globalThis.count ?? 0) + 1", { filename: "counting.js" });
const one = vm.createContext({});
script.runInContext(one);
script.runInContext(one);
console.log(one.count, globalThis.count, script.runInThisContext(), globalThis.count);
console.log(vm.runInThisContext("typeof require"), vm.runInContext("typeof process", one), vm.runInContext("[] instanceof Array", one));
try { new vm.Script("var = 1", { filename: "bad.js" }); } catch (error) { console.log(error.name, error.message, error.stack.split("\n")[0]); }
try { vm.runInNewContext("throw new TypeError('inside')"); } catch (error) { console.log(error.name, error.message); }
try { vm.runInNewContext("missing"); } catch (error) { console.log(error.name, error.message); }
console.log(vm.runInContext("const lexical = 1; typeof lexical", one), vm.runInContext("typeof lexical", one), one.lexical);
console.log(vm.compileFunction("return a + this.b", ["a"]).call({ b: 2 }, 1));
vm.runInContext("function f() { return typeof x }", context);
console.log(typeof context.f, context.f(), Object.keys(context));
const frozen = vm.createContext(Object.freeze({ y: 1 }));
console.log(vm.runInContext("y = 5; y", frozen));
try { vm.runInNewContext("while (true);", {}, { timeout: 20 }); } catch (error) { console.log(error.code, error.message); }
