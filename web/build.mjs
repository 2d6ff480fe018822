// Bundles the browser side into web/dist, from where it goes into the wheel:
//   host/    the page that the runner opens, with the genuine client
//   engine/  the local engine: its document's script and the script of its processes
//   lib/     the host side as ES modules, for a page of one's own: the tool, and the plugin for vite
//   licences.txt  the notices of all packages that are bundled
import { build } from "esbuild";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { notices } from "./licences.mjs";

const web = new URL("./", import.meta.url).pathname;
const out = process.env.OUT ?? `${web}dist`;

/** Entry points by output name; those of a part that is not there are left out. */
const parts = {
  host: { page: "host/src/page.ts" },
  engine: {
    frame: "engine/src/frame/main.ts",
    process: "engine/src/process/main.ts",
    shell: "engine/src/process/shell.ts",
    preview: "engine/src/preview/page.ts",
    "preview-worker": "engine/src/preview/worker.ts",
    "preview-errors": "engine/src/preview/errors.ts",
  },
};

const polyfills = Object.fromEntries(
  Object.entries({
    buffer: "buffer/",
    events: "./engine/src/process/modules/events.ts",
    stream: "readable-stream/lib/stream.js",
    string_decoder: "string_decoder/",
    util: "util/",
    assert: "assert/",
  }).flatMap(([name, found]) => [[name, found], [`node:${name}`, found]]),
);

const bundled = [];
/** What `readable-stream` asks for and the engine has itself: ticks of its own loop, Node's errors, its decoder of texts. */
const own = {
  name: "own",
  setup: ({ onResolve }) => {
    const modules = `${web}engine/src/process/modules`;
    onResolve({ filter: /^process\/$/ }, () => ({ path: `${modules}/stream/process.ts` }));
    onResolve({ filter: /^string_decoder\/$/ }, ({ importer }) => (importer.includes("/readable-stream/") ? { path: `${modules}/string_decoder.ts` } : undefined));
    onResolve({ filter: /^\.{1,2}\/(ours\/|\.\.\/ours\/)?errors$/ }, ({ importer }) => (importer.includes("/readable-stream/") ? { path: `${modules}/stream/errors.ts` } : undefined));
  },
};

await rm(out, { recursive: true, force: true });
for (const [part, entries] of Object.entries(parts)) {
  const present = Object.entries(entries).filter(([, file]) => existsSync(web + file));
  await mkdir(`${out}/${part}`, { recursive: true });
  if (present.length === 0) continue;
  const made = await build({
    entryPoints: Object.fromEntries(present),
    outdir: `${out}/${part}`,
    absWorkingDir: web,
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "chrome120",
    minify: !process.argv.includes("--debug"),
    keepNames: true,
    // The async context follows promise reactions and the awaits of texts that the engine has edited, not awaits of its
    // own bundle: these become reactions, which take as many turns.
    supported: part === "engine" ? { "async-await": false, "async-generator": false, "for-await": false } : {},
    sourcemap: process.argv.includes("--debug") ? "inline" : false,
    legalComments: "none",
    define: { global: "globalThis", "process.env.NODE_ENV": '"production"' },
    // Packages ask for Node's modules under both names: these are the kept polyfills, pinned in package.json.
    // node:zlib is what the shell's utilities ask for (gzip, tar).
    alias: { ...polyfills, "node:zlib": `${web}engine/src/process/programs/shell/zlib.ts` },
    plugins: [own],
    logLevel: "warning",
    metafile: true,
  });
  bundled.push(...Object.keys(made.metafile.inputs));
  if (existsSync(`${web}${part}/static`)) await cp(`${web}${part}/static`, `${out}/${part}`, { recursive: true });
}
const library = await build({
  entryPoints: { tool: "host/src/index.ts", vite: "host/src/vite.ts" },
  outdir: `${out}/lib`,
  absWorkingDir: web,
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
});
bundled.push(...Object.keys(library.metafile.inputs));
await writeFile(`${out}/licences.txt`, await notices(web, bundled));
