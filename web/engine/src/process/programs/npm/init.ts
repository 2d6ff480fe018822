/** `npm init -y`. */

import { NpmError, type Invocation } from "./npm.ts";

/** Make a package.json of what is known. */
export async function initialize({ shell, words, options }: Invocation): Promise<number> {
  if (words.length > 0) throw new NpmError(`npm ${words[0] ?? ""}: npm init with a package is not supported by the local WebContainer engine; npx create-NAME does it`);
  if (!options.has("yes") && !options.has("force")) throw new NpmError("npm init asks questions, which is not supported by the local WebContainer engine: use npm init -y");
  const folder = options.has("prefix") ? shell.resolve(options.get("prefix") ?? ".") : shell.state.cwd;
  const path = `${folder}/package.json`;
  const before = shell.system.files("fs.kinds", [path])[0] === 1 ? (JSON.parse(new TextDecoder().decode(shell.system.files("fs.readFile", path))) as Record<string, unknown>) : {};
  const main = shell.system.files("fs.kinds", [`${folder}/index.js`])[0] === 1 ? "index.js" : (shell.system.files("fs.readdir", folder).find(({ name }) => name.endsWith(".js"))?.name ?? "index.js");
  const manifest = {
    name: folder.slice(folder.lastIndexOf("/") + 1).toLowerCase().replace(/[^a-z0-9._-]/g, "-"), version: options.get("init-version") ?? "1.0.0", description: "", main,
    scripts: { test: 'echo "Error: no test specified" && exit 1' }, keywords: [], author: options.get("init-author-name") ?? "", license: options.get("init-license") ?? "ISC", type: "commonjs", ...before,
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  shell.system.files("fs.writeFile", path, new TextEncoder().encode(text), "w", 0o644);
  await shell.print(1, `Wrote to ${path}:\n\n${text}\n\n`);
  return 0;
}
