const path = require("path");

console.log(require.main === module, module.id, path.basename(module.filename), module.loaded, module.children.length, module.paths[0].endsWith("node_modules"));
console.log(require("./cycle-a").done, require("./cycle-b").done, require("./cycle-a") === require("./cycle-a"));
console.log(require("./data"), require("./folder"), require("./folder/"), require("./package"), require("./no-extension").name);
console.log(typeof __dirname, path.basename(__filename), this === module.exports, arguments.length, typeof require.resolve);
console.log(Object.keys(require.cache).map((file) => path.basename(file)).sort());
delete require.cache[require.resolve("./counted")];
require("./counted"); require("./counted");
delete require.cache[require.resolve("./counted")];
require("./counted");
console.log(global.counted, Object.keys(require.extensions));
try { require("./fails"); } catch (error) { console.log(error.message); }
try { require("./fails"); } catch (error) { console.log(error.message, global.failed); }
try { require("./none"); } catch (error) { console.log(error.code, error.requireStack.map((file) => path.basename(file))); }
const Module = require("module");
console.log(Module._load === undefined, Module.builtinModules.length > 30, require("node:fs") === require("fs"), typeof Module.wrap("x"));
const made = new Module("virtual");
made._compile("module.exports = { virtual: __filename }", "/virtual.js");
console.log(made.exports);
import("./module.mjs").then((module) => console.log(module.default, module.named, module));
require.extensions[".txt"] = (module, file) => { module.exports = require("fs").readFileSync(file, "utf8").trim(); };
console.log(require("./text.txt"));
console.log(process.mainModule === module, require.main === process.mainModule, module.parent);
return;
console.log("never printed");
