/** The program `node`. */

import type { ProcessStart } from "../contract.ts";
import { callSync, output } from "./calls.ts";

const encoder = new TextEncoder();

/** Run the script that the arguments name. */
export function runNode(start: ProcessStart): void {
  const [script = ""] = start.args;
  const path = script.startsWith("/") ? script : `${start.cwd}/${script}`;
  const text = new TextDecoder().decode(callSync("fs.readFile", path));
  const log = (...words: unknown[]): void => output(1, encoder.encode(`${words.map(String).join(" ")}\n`));
  // Running the text of programs is what this is for.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const body = new Function("console", `${text}\n//# sourceURL=${path}`) as (console: unknown) => void;
  body({ log });
}
