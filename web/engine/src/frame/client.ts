/** What the genuine client calls on an instance. */

import * as Comlink from "comlink";
import type { Kernel } from "./kernel.ts";

type Sink = ((data: Uint8Array | null) => void) | undefined;

interface RunRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** The object behind the client's Comlink proxy. */
export function instance(kernel: Kernel): object {
  return {
    runtimeInfo: () => ({ path: "/usr/local/bin:/usr/bin:/bin", cwd: kernel.home }),
    fs: () => Comlink.proxy({ readFile: (path: string) => kernel.volume.readFileSync(`${kernel.home}/${path}`) }),
    previewScript: () => Comlink.proxy({}),
    on: () => Comlink.proxy(() => undefined),
    loadFiles: (data: Uint8Array) => kernel.load(data),
    run: (request: RunRequest, _stdout: Sink, _stderr: Sink, output: Sink) => {
      const process = kernel.run(request.command, request.args, (data) => output?.(data));
      return Comlink.proxy({ onExit: process.ended, write: () => undefined, kill: () => process.kill(), resize: () => undefined });
    },
  };
}
