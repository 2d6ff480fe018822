/** Commands whose output somebody wants whole: those that utilities start in turn. */

import { dispatch } from "./commands.ts";
import type { Shell } from "./shell.ts";
import { Pipe, readAll } from "./streams.ts";
import { latin1 } from "./utilities.ts";

/** Run words as a command; its output as text of one character a byte, what it complained as text. */
export async function runSimpleText(shell: Shell, words: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string; code: number }> {
  const inner = shell.fork();
  inner.state.cwd = cwd;
  const pipes = [1, 2].map((fd) => {
    const pipe = new Pipe();
    inner.connect(fd, { kind: "pipe", pipe, end: "write" });
    pipe.hold("read");
    return readAll(shell.system, { kind: "pipe", pipe, end: "read" });
  });
  const code = await inner.runSubshell(() => dispatch(inner, words));
  const [stdout, stderr] = await Promise.all(pipes);
  return { stdout: latin1(stdout ?? new Uint8Array(0)), stderr: new TextDecoder().decode(stderr), code };
}
