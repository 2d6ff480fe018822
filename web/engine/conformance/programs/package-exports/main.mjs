import { createRequire } from "node:module";
import own from "conformance-own/feature";
import internal from "#internal";
import dual from "dual";
import main from "old-main";
import scoped from "@scope/pkg/sub/thing.js";

const require = createRequire(import.meta.url);
console.log(own, internal, dual, require("dual"), main, scoped);
console.log(require("conformance-own/feature"), (await import("dual/data.json", { with: { type: "json" } })).default, (await import("#deps/one")).default);
for (const name of ["dual/hidden.js", "dual/none", "#none", "conformance-own/private", "@scope/pkg/blocked/x.js"]) {
  await import(name).catch((error) => console.log(error.code));
  try { require(name); } catch (error) { console.log(error.code); }
}
console.log(require.resolve("dual").endsWith("dual/common.cjs"), import.meta.resolve("dual").endsWith("dual/module.mjs"), require("dual/package.json").name);
process.on("warning", () => {});
