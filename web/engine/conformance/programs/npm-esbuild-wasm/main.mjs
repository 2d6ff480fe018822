import * as esbuild from "esbuild-wasm";

console.log((await esbuild.transform("const x: number = 1; export const y = x ?? 2", { loader: "ts", target: "es2018" })).code);
const built = await esbuild.build({ entryPoints: ["src/index.ts"], bundle: true, write: false, format: "esm", minify: true, logLevel: "silent" });
console.log(built.outputFiles[0].text, built.errors);
await esbuild.build({ entryPoints: ["src/index.ts"], bundle: true, outfile: "out.js", format: "cjs", logLevel: "silent" });
console.log((await import("./out.js")).default.answer);
await esbuild.transform("const = 1", { logLevel: "silent" }).catch((error) => console.log(error.errors.map((one) => [one.text, one.location.column])));
await esbuild.stop();
