/** The kernel: files and processes of one container. */

import { decode, encode } from "@msgpack/msgpack";
import { Volume } from "memfs";
import { FORMAT, STATE, SYNC, type FromProcess, type ProcessStart, type ToProcess } from "../contract.ts";

interface Tree {
  readonly d: Readonly<Record<string, Tree | { readonly f: { readonly c?: string | Uint8Array; readonly l?: string } }>>;
}

/** Files in memory and processes in Workers. */
export class Kernel {
  readonly volume = new Volume();
  readonly home: string;
  private lastPid = 1;

  constructor(home: string) {
    this.home = home;
    this.volume.mkdirSync(home, { recursive: true });
  }

  /** Put a tree of files, JSON or msgpack, below the home folder. */
  load(data: Uint8Array): void {
    const tree = (data[0] === 0x7b ? JSON.parse(new TextDecoder().decode(data)) : decode(data)) as Tree;
    this.place(this.home, tree);
  }

  private place(folder: string, tree: Tree): void {
    this.volume.mkdirSync(folder, { recursive: true });
    for (const [name, node] of Object.entries(tree.d)) {
      const path = `${folder}/${name}`;
      if ("d" in node) this.place(path, node);
      else if (node.f.l !== undefined) this.volume.symlinkSync(node.f.l, path);
      else this.volume.writeFileSync(path, (node.f.c ?? ""));
    }
  }

  /** Start a program; its output goes to `sink`, null at the end. */
  run(command: string, args: readonly string[], sink: (data: Uint8Array | null) => void): { ended: Promise<number>; kill: () => void } {
    const worker = new Worker("process.js");
    const sync = new SharedArrayBuffer(SYNC.SIZE);
    const pid = ++this.lastPid;
    const start: ProcessStart = {
      pid, ppid: 1, program: command, args, cwd: this.home, env: {}, stdio: ["pipe", "pipe", "pipe"], ipc: false, sync,
    };
    let finish: (code: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => {
      finish = (code) => {
        worker.terminate();
        sink(null);
        resolve(code);
      };
    });
    worker.onmessage = (event: MessageEvent<FromProcess>) => {
      const message = event.data;
      if (message.kind === "ready") worker.postMessage({ kind: "start", start } satisfies ToProcess);
      else if (message.kind === "output") sink(message.data);
      else if (message.kind === "exit") finish(message.code);
      else if (message.kind === "call") this.answer(sync, message.args[0] as string);
    };
    return { ended, kill: () => finish(143) };
  }

  private answer(sync: SharedArrayBuffer, path: string): void {
    const words = new Int32Array(sync, 0, 16);
    let format: number = FORMAT.BYTES;
    let data: Uint8Array;
    try {
      data = this.volume.readFileSync(path) as Uint8Array;
    } catch (error) {
      format = FORMAT.ERROR;
      data = encode({ code: (error as { code: string }).code, message: (error as Error).message });
    }
    new Uint8Array(sync, SYNC.DATA).set(data);
    Atomics.store(words, SYNC.LENGTH, data.length);
    Atomics.store(words, SYNC.FORMAT, format);
    Atomics.store(words, SYNC.STATE, STATE.DONE);
    Atomics.notify(words, SYNC.STATE);
  }
}
