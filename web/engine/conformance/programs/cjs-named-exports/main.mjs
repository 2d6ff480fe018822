import first, { a, b, c } from "./assigned.cjs";
import * as reexported from "./reexport.cjs";
import * as babel from "./transpiled.cjs";
import * as assigned from "./object.cjs";
import fn from "./function.cjs";
import * as defined from "./defined.cjs";

console.log(first, a, b, c);
console.log(Object.keys(reexported).sort(), reexported.a);
console.log(Object.keys(babel).sort(), babel.default, babel.__esModule);
console.log(Object.keys(assigned).sort(), fn(2), Object.keys(defined).sort());
await import("./uses-unknown.mjs").catch((error) => console.log(error.name, error.message.split("\n")[0]));
