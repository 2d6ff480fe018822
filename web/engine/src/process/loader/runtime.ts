/** What the engine hands to texts that it has edited. */

import { hold, recover, resume, steps, take } from "../async/context.ts";

/** The calls that edits insert; see `awaits.ts`. */
export interface Runtime {
  readonly hold: typeof hold;
  readonly take: typeof take;
  readonly resume: typeof resume;
  readonly recover: typeof recover;
  readonly steps: typeof steps;
  /** `import()`. */
  readonly load: (specifier: unknown, options?: unknown) => Promise<unknown>;
}

let importer: (specifier: unknown, from: string, options?: unknown) => Promise<unknown> = () => Promise.reject(new Error("no importer"));

/** Say how `import()` in a file is done. */
export function importBy(load: typeof importer): void {
  importer = load;
}

/** The object for one file, named by its path. */
export function runtimeFor(file: string): Runtime {
  return { hold, take, resume, recover, steps, load: (specifier, options) => importer(specifier, file, options) };
}
