/** What the engine hands to texts that it has edited. */

import { hold, recover, resume, steps, take } from "../async/context.ts";
import { evalRuntime, type Found } from "./evals.ts";
import type { References } from "./esm/references.ts";

/** The calls that edits insert; see `awaits.ts` and `evals.ts`. */
export interface Runtime {
  readonly hold: typeof hold;
  readonly take: typeof take;
  readonly resume: typeof resume;
  readonly recover: typeof recover;
  readonly steps: typeof steps;
  /** `import()`. */
  readonly load: (specifier: unknown, options?: unknown) => Promise<unknown>;
  readonly direct: () => void;
  readonly got: (hidden?: string) => Found;
  readonly text: (found: Found, value: unknown) => unknown;
}

let importer: (specifier: unknown, from: string, options?: unknown) => Promise<unknown> = () => Promise.reject(new Error("no importer"));

/** Say how `import()` in a file is done. */
export function importBy(load: typeof importer): void {
  importer = load;
}

/** The object for one file, named by its path; `references` are the names that a module imports. */
export function runtimeFor(file: string, references?: References): Runtime {
  return runtimeWith((specifier, options) => importer(specifier, file, options), references);
}

/** The object for a text whose `import()` is done by a function. */
export function runtimeWith(load: Runtime["load"], references?: References): Runtime {
  return { hold, take, resume, recover, steps, load, ...evalRuntime(references) };
}
