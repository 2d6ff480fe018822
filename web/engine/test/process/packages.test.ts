import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Package } from "../../src/process/loader/files.ts";
import { CONDITIONS, resolveExports, resolveImports, splitBare } from "../../src/process/loader/packages.ts";

const root = mkdtempSync(join(tmpdir(), "packages-"));
afterAll(() => rmSync(root, { recursive: true }));

const FILES = ["index.js", "lib/a.js", "lib/b/c.js", "lib/private/x.js", "cjs.js", "esm.js", "fallback.js"];

const tables: Record<string, unknown> = {
  string: "./index.js",
  conditions: { import: "./esm.js", require: "./cjs.js", default: "./fallback.js" },
  nested: { node: { import: "./esm.js", default: "./cjs.js" }, default: "./fallback.js" },
  subpaths: { ".": "./index.js", "./a": "./lib/a.js", "./lib/*": "./lib/*", "./lib/private/*": null, "./deep/*/c": "./lib/*/c.js" },
  arrays: { ".": ["not-valid", "./index.js"], "./none": [] },
  outside: { ".": "../elsewhere.js", "./bare": "other", "./up": "./lib/../../x.js" },
  mixed: { ".": "./index.js", require: "./cjs.js" },
};
const SUBPATHS = [".", "./a", "./lib/a.js", "./lib/private/x.js", "./deep/b/c", "./none", "./bare", "./up", "./not-there"];

function outcome(resolve: () => string): string {
  try {
    return resolve();
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
}

for (const [name, exports] of Object.entries(tables)) {
  it(`resolves exports as Node does: ${name}`, () => {
    const folder = join(root, "node_modules", name);
    for (const file of FILES) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), "");
    }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name, exports }));
    const require = createRequire(join(root, "main.js"));
    const pkg: Package = { folder, name, exports };
    const asking = { conditions: CONDITIONS.require, base: undefined, bare: (specifier: string) => specifier };
    for (const subpath of SUBPATHS) {
      const real = outcome(() => require.resolve(name + subpath.slice(1)));
      const ours = outcome(() => resolveExports(pkg, subpath, asking));
      // Node looks for the file then; that is not asked here.
      if (!real.startsWith("MODULE_NOT_FOUND")) expect(ours).toBe(real);
    }
  });
}

it("takes the conditions of imports for imports", () => {
  const pkg: Package = { folder: "/p", exports: tables.conditions };
  expect(resolveExports(pkg, ".", { conditions: CONDITIONS.import, base: undefined, bare: (name) => name })).toBe("/p/esm.js");
});

it("resolves #names, to files and to packages", () => {
  const pkg: Package = { folder: "/p", imports: { "#own": "./lib/a.js", "#other": "other/x", "#all/*": "./lib/*.js", "#off": null } };
  const asking = { conditions: CONDITIONS.import, base: "/p/main.mjs", bare: (specifier: string, folder: string) => `${folder} asks ${specifier}` };
  expect(["#own", "#other", "#all/b"].map((name) => resolveImports(name, pkg, asking))).toEqual(["/p/lib/a.js", "/p asks other/x", "/p/lib/b.js"]);
  for (const name of ["#off", "#unknown"]) expect(outcome(() => resolveImports(name, pkg, asking))).toBe(`ERR_PACKAGE_IMPORT_NOT_DEFINED: Package import specifier "${name}" is not defined in package /p/package.json imported from /p/main.mjs`);
});

it("tells a package from what is in it", () => {
  expect([splitBare("a"), splitBare("a/b/c"), splitBare("@s/a"), splitBare("@s/a/b")]).toEqual([
    { name: "a", subpath: "." }, { name: "a", subpath: "./b/c" }, { name: "@s/a", subpath: "." }, { name: "@s/a", subpath: "./b" },
  ]);
  for (const bad of ["@s", "", ".a/b", "a%b"]) expect(() => splitBare(bad)).toThrow(expect.objectContaining({ code: "ERR_INVALID_MODULE_SPECIFIER" }) as Error);
});
