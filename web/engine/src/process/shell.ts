/** The script of a Worker whose process is a shell, a package manager's command, or a utility. */

import type { ToProcess } from "../contract.ts";
import { attach, exit, output, ready, receive } from "./calls.ts";
import { runBash } from "./programs/shell/bash.ts";
import { runNpm } from "./programs/npm/npm.ts";
import { KernelSystem } from "./programs/shell/system.ts";
import type { ProcessStart } from "../contract.ts";

const encoder = new TextEncoder();

/** Run the program that the process is to be; the answer is its exit code. */
function run(start: ProcessStart): Promise<number> {
  const system = new KernelSystem(start.pid, start.ppid);
  if (start.program === "npm" || start.program === "npx") return runNpm(system, start);
  return runBash(system, start);
}

function broken(error: unknown): never {
  output(2, encoder.encode(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`));
  exit(70);
}

globalThis.onmessage = (message: MessageEvent<ToProcess>) => {
  const word = message.data;
  if (word.kind !== "start") return receive(word, (body) => body());
  attach(word.start.sync);
  run(word.start).then(exit, broken);
};
globalThis.addEventListener("unhandledrejection", (event) => broken(event.reason));
ready();
