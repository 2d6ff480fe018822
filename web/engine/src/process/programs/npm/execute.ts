/** `npm exec` and `npx`: programs that packages bring along. */

import { runProgram } from "../shell/programs.ts";
import { NpmError, type Invocation } from "./npm.ts";
import { install } from "./install.ts";
import { manifestVariables, surround } from "./scripts.ts";
import { Project } from "./project.ts";

/** `npm exec`. */
export function execute(invocation: Invocation): Promise<number> {
  return start(invocation, [...invocation.words, ...invocation.rest]);
}

/** `npx`. */
export function executeNpx(invocation: Invocation): Promise<number> {
  return start(invocation, [...invocation.words, ...invocation.rest]);
}

async function start(invocation: Invocation, words: readonly string[]): Promise<number> {
  const text = invocation.options.get("call");
  const packages = invocation.options.get("package");
  if (text === undefined && words.length === 0) throw new NpmError("interactive npm exec is not supported by the local WebContainer engine");
  const spec = packages ?? words[0] ?? "";
  const program = packages === undefined ? programName(spec) : (words[0] ?? "");
  const known = text !== undefined && packages === undefined ? invocation.project : ((await existing(invocation, program, spec)) ?? (await fetched(invocation, spec)));
  const inner = invocation.shell.fork();
  return inner.runSubshell(async () => {
    const variables = invocation.project.hasManifest ? manifestVariables(invocation.project.manifest()) : {};
    surround(inner, known, { npm_command: "exec", npm_lifecycle_event: "npx", npm_lifecycle_script: text ?? words.join(" "), ...variables });
    if (text !== undefined) return runProgram(inner, "sh", ["-c", text]);
    return runProgram(inner, onlyProgram(invocation, known, program, spec), words.slice(1));
  });
}

/** The name of the program in a spec such as `@scope/tool@1.2`. */
function programName(spec: string): string {
  return spec.replace(/(?<=.)@[^/]*$/, "").replace(/^@[^/]+\//, "");
}

function has(invocation: Invocation, project: Project, program: string): boolean {
  return invocation.shell.system.files("fs.kinds", project.binFolders().map((folder) => `${folder}/${program}`)).includes(1);
}

/** The project, when its packages have the program already (in the version that the spec names, when it names one). */
function existing(invocation: Invocation, program: string, spec: string): Promise<Project | null> {
  const versioned = /(?<=.)@[^/]*$/.test(spec) && !/@(latest|\*)$/.test(spec);
  return Promise.resolve(!versioned && has(invocation, invocation.project, program) ? invocation.project : null);
}

/** A folder of its own with the package, as npm keeps one for `npx`. */
async function fetched(invocation: Invocation, spec: string): Promise<Project> {
  const { shell } = invocation;
  if (invocation.options.has("no") || invocation.options.has("no-install")) throw new NpmError(`npx canceled due to missing packages and no YES option: ["${spec}"]`);
  const folder = `${shell.state.get("HOME") ?? "/root"}/.npm/_npx/${spec.replace(/[^\w.@-]/g, "_")}`;
  const project = Project.find(shell, folder);
  if (shell.system.files("fs.kinds", [`${folder}/node_modules`])[0] === 2) return project;
  shell.system.files("fs.mkdir", folder, true, 0o755);
  project.write("package.json", "{}\n");
  const code = await install({ ...invocation, project, words: [spec], rest: [], options: new Map([["silent", "true"]]) }, "install");
  if (code !== 0) {
    shell.system.files("fs.rm", folder, true, true);
    throw new NpmError("", code);
  }
  return project;
}

/** The program of a package: of its name, or its only one. */
function onlyProgram(invocation: Invocation, project: Project, program: string, spec: string): string {
  if (has(invocation, project, program) || project === invocation.project) return program;
  const text = project.read(`node_modules/${spec.replace(/(?<=.)@[^/]*$/, "")}/package.json`);
  const bin = text === null ? undefined : (JSON.parse(text) as { bin?: string | Record<string, string> }).bin;
  const names = typeof bin === "object" ? Object.keys(bin) : [];
  if (names.length === 1 && names[0] !== undefined) return names[0];
  throw new NpmError("could not determine executable to run");
}
