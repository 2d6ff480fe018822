/** `npm ls`: the packages that package.json names. */

import { NpmError, type Invocation } from "./npm.ts";

/** Print the direct dependencies. */
export async function list({ shell, project, words, options }: Invocation): Promise<number> {
  const refused = ["all", "long", "parseable"].find((name) => options.has(name)) ?? (Number(options.get("depth") ?? 0) > 0 ? "depth" : undefined);
  if (refused !== undefined) throw new NpmError(`npm ls --${refused} is not supported by the local WebContainer engine`);
  const manifest = project.hasManifest ? project.manifest() : {};
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  const names = Object.keys(wanted).filter((name) => words.length === 0 || words.includes(name)).sort();
  const found = names.map((name) => ({ name, range: wanted[name] ?? "", version: versionOf(project.read(`node_modules/${name}/package.json`)) }));
  const lacking = found.filter(({ name, version }) => version === null && manifest.optionalDependencies?.[name] === undefined);
  if (options.has("json")) {
    const dependencies = Object.fromEntries(found.map(({ name, range, version }) => [name, version === null ? { required: range, missing: true } : { version, overridden: false }]));
    await shell.print(1, `${JSON.stringify({ ...(manifest.version === undefined ? {} : { version: manifest.version }), ...(manifest.name === undefined ? {} : { name: manifest.name }), ...(names.length === 0 ? {} : { dependencies }) }, null, 2)}\n`);
  } else {
    const identity = manifest.name === undefined ? project.folder : `${manifest.name}@${manifest.version ?? ""} ${project.folder}`;
    const lines = found.map(({ name, range, version }, at) => `${at === found.length - 1 ? "└──" : "├──"} ${version === null ? `UNMET DEPENDENCY ${name}@${range}` : `${name}@${version}`}`);
    await shell.print(1, `${[identity, ...(lines.length === 0 ? ["└── (empty)"] : lines)].join("\n")}\n\n`);
  }
  if (lacking.length > 0) throw new NpmError(`code ELSPROBLEMS\n${lacking.map(({ name, range }) => `missing: ${name}@${range}, required by ${manifest.name ?? ""}@${manifest.version ?? ""}`).join("\n")}`);
  return words.length > 0 && names.length === 0 ? 1 : 0;
}

function versionOf(text: string | null): string | null {
  return text === null ? null : ((JSON.parse(text) as { version?: string }).version ?? "");
}
