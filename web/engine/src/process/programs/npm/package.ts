/** `npm pkg get` and `npm pkg set`. */

import { NpmError, type Invocation } from "./npm.ts";

/** Read or change fields of package.json; paths such as `scripts.test`. */
export async function packageCommand({ shell, project, words, options }: Invocation): Promise<number> {
  const [action, ...paths] = words;
  const manifest = project.manifest();
  if (action === "get") {
    const found = paths.map((path) => [path, valueAt(manifest, path)] as const);
    const shown = paths.length === 0 ? manifest : paths.length === 1 ? (found[0]?.[1] ?? {}) : Object.fromEntries(found.filter(([, value]) => value !== undefined));
    await shell.print(1, `${JSON.stringify(shown, null, 2)}\n`);
    return 0;
  }
  if (action !== "set" && action !== "delete") throw new NpmError(`npm pkg ${action ?? ""} is not supported by the local WebContainer engine`);
  for (const word of paths) {
    const at = word.indexOf("=");
    if (action === "set" && at < 0) throw new NpmError("code EUSAGE\nnpm pkg set expects a key=value pair of args.");
    change(manifest, action === "set" ? word.slice(0, at) : word, action === "delete" ? undefined : options.has("json") ? (JSON.parse(word.slice(at + 1)) as unknown) : word.slice(at + 1));
  }
  project.write("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  return 0;
}

const keysOf = (path: string): string[] => path.replace(/\[([^\]]*)\]/g, ".$1").split(".").filter((key) => key !== "");

function valueAt(from: unknown, path: string): unknown {
  return keysOf(path).reduce<unknown>((value, key) => (typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined), from);
}

function change(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = keysOf(path);
  const last = keys.pop();
  if (last === undefined || [...keys, last].includes("__proto__")) throw new NpmError(`npm pkg: ${path}: no such field`);
  let holder = target;
  for (const key of keys) {
    if (!Object.hasOwn(holder, key) || typeof holder[key] !== "object" || holder[key] === null) holder[key] = {};
    holder = holder[key] as Record<string, unknown>;
  }
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else holder[last] = value;
}
