/** What `node` runs: a file, a text from the command line or from stdin, tests. */

import { createRequire, entry, Module, runMain } from "./loader/cjs.ts";
import { addConditions } from "./loader/resolve.ts";
import { nodeError } from "./modules/errors.ts";
import { posix } from "./modules/path.ts";
import type { Options } from "./options.ts";
import type { NodeProcess } from "./process.ts";

/** Start the program. Errors of its first turn are thrown. */
export function runProgram(process: NodeProcess, options: Options): void {
  addConditions(options.conditions);
  const cwd = (process.cwd as () => string)();
  for (const id of options.requires) createRequire(posix.join(cwd, "[preload]"))(id);
  const [script] = options.rest;
  if (script === undefined) throw nodeError(Error, "ERR_INVALID_ARG_VALUE", "no script");
  const { file } = runMain(posix.resolve(cwd, script));
  process.argv[1] = file;
  Module._load(file, null, true);
  process.mainModule = entry.module;
}
