import { createRequire, builtinModules, isBuiltin } from "node:module";
import path from "node:path";
import fs, { readFileSync } from "fs";
import data from "./data.json" with { type: "json" };

process.on("warning", () => {});
console.log(data.list, await Promise.resolve("awaited"));
const slow = await import("./slow.mjs");
console.log(slow.value, (await import("./slow.mjs")) === slow, await import("./throws.mjs").catch((error) => error.message), await import("./throws.mjs").catch((error) => error.message));
const require = createRequire(import.meta.url);
console.log(require("./common.cjs").answer, require("path") === path, require.resolve("./common.cjs") === path.join(process.cwd(), "common.cjs"));
console.log(import.meta.resolve("./x.mjs").endsWith("/x.mjs"), Object.keys(import.meta).includes("url"), import.meta.dirname === process.cwd(), import.meta.filename?.endsWith("main.mjs"));
console.log(fs.readFileSync === readFileSync, builtinModules.includes("fs"), isBuiltin("node:test"), isBuiltin("nothing"));
const both = await Promise.all(["a", "b"].map((name) => import(`./${name}.mjs`)));
console.log(both.map((module) => module.default));
console.log(await import("data:text/javascript,export default 5").then((module) => module.default));
console.log((await import("./a.mjs?query=1")).default, (await import("./a.mjs?query=1")) === (await import("./a.mjs")));
export {};
