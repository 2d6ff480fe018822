/** A machine for shells in tests: the kernel's own files, and no programs but the shell's. */

import { fileCalls } from "../../src/frame/calls/files.ts";
import { Failure } from "../../src/frame/files/errors.ts";
import { furnish } from "../../src/frame/furnish.ts";
import { Volume } from "../../src/frame/files/volume.ts";
import { runBash } from "../../src/process/programs/shell/bash.ts";
import { Pipe } from "../../src/process/programs/shell/streams.ts";
import type { Child, System } from "../../src/process/programs/shell/system.ts";

/** What a shell printed and its exit code. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Run a script by `bash -c` in /tmp/work. */
export async function run(script: string, input = ""): Promise<Outcome> {
  const volume = new Volume();
  furnish(volume, "/home/project");
  volume.mkdir("/tmp/work", true, 0o755);
  const out: [Uint8Array[], Uint8Array[]] = [[], []];
  const system = machine(volume, input, out);
  const code = await runBash(system, {
    pid: 2, ppid: 1, program: "bash", args: ["-c", script], cwd: "/tmp/work", env: { PATH: "/usr/bin:/bin", HOME: "/root" }, stdio: ["pipe", "pipe", "pipe"], ipc: false, sync: new SharedArrayBuffer(64),
  });
  const [stdout, stderr] = out.map((parts) => Buffer.concat(parts).toString());
  return { stdout: stdout ?? "", stderr: stderr ?? "", code };
}

function machine(volume: Volume, input: string, out: readonly [Uint8Array[], Uint8Array[]]): System {
  const files = new Map<number, unknown>();
  const keep = (file: unknown): number => {
    files.set(files.size + 3, file);
    return files.size + 2;
  };
  const task = { process: { files, keep, umask: 0o022 } };
  const calls = fileCalls(volume) as unknown as Record<string, (task: unknown, ...args: unknown[]) => unknown>;
  const stdin = new Pipe();
  stdin.hold("read");
  stdin.unread(new TextEncoder().encode(input));
  return {
    pid: 2, ppid: 1, readsInput: true,
    files: ((name: string, ...args: unknown[]) => {
      try {
        return calls[name]?.(task, ...args);
      } catch (error) {
        // As it is when it has crossed over to the process.
        if (error instanceof Failure) throw Object.assign(new Error(error.message), error.details);
        throw error;
      }
    }) as System["files"],
    output: (fd, data) => void out[fd - 1]?.push(data),
    stdin: () => stdin,
    spawn: (): Promise<Child> => Promise.reject(Object.assign(new Error("spawn"), { code: "ENOENT" })),
    kill: () => false,
    hear: () => undefined,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    chdir: () => undefined,
  };
}
