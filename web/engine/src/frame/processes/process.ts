/** A process: what it holds, and how it ends. */

import type { Signal } from "../../contract.ts";
import type { Opened } from "../files/opened.ts";
import type { Inlet, Outlet, Reader } from "./streams.ts";
import type { Task } from "./task.ts";

/** A signal's number on Linux; a process that it ends has the exit code 128 + number in a shell. */
export const SIGNALS: Readonly<Record<Signal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: Signal | null;
}

/** The exit code of an ending as shells count it. */
export function exitCode({ code, signal }: Ending): number {
  return code ?? 128 + (signal === null ? 0 : SIGNALS[signal]);
}

/** A terminal that several processes share. `raw`: keys as they are. */
export interface Terminal {
  cols: number;
  rows: number;
  raw: boolean;
}

/** What a process is made of from its start on. */
export interface Identity {
  readonly pid: number;
  /** The number of its group: its own when it leads one. */
  readonly group: number;
  /** Who started it; null for the client's own processes. */
  readonly parent: Process | null;
  /** The task that hears of it: the thread of the parent that started it. */
  readonly owner: Task | null;
  /** The number of the client's process that it belongs to, with which it is killed; its own when it was detached. */
  readonly job: number;
  /** The number of the client's process that it comes from, detached or not. */
  readonly origin: number;
  readonly ipc: boolean;
  readonly stdin: Inlet;
  readonly stdout: Outlet;
  readonly stderr: Outlet;
  readonly terminal: Terminal | null;
}

/** A running or ended process. */
export class Process {
  readonly children = new Set<Process>();
  readonly threads = new Map<number, Task>();
  readonly files = new Map<number, Opened>();
  readonly watchers = new Map<number, () => void>();
  readonly ports = new Set<number>();
  heard: ReadonlySet<Signal> = new Set<Signal>();
  umask = 0o022;
  linked: boolean;
  ending: Ending | null = null;
  /** Set while its stdin is wanted. */
  reader: Reader | null = null;
  readonly ended: Promise<Ending>;
  private settle: (ending: Ending) => void = () => undefined;
  private lastThread = 0;

  constructor(
    readonly is: Identity,
    public cwd: string,
    /** The pipe that the parent may write to, if there is one. */
    readonly input: Inlet | null,
  ) {
    this.linked = is.ipc;
    this.ended = new Promise((resolve) => (this.settle = resolve));
  }

  /** Its main thread. */
  get main(): Task | undefined {
    return this.threads.get(0);
  }

  /** A number for a new thread, never used before. */
  nextThread(): number {
    return ++this.lastThread;
  }

  /** The lowest free descriptor for an open file. */
  keep(file: Opened): number {
    let fd = 3;
    while (this.files.has(fd)) fd += 1;
    this.files.set(fd, file);
    return fd;
  }

  /** Let go of everything and be over. The kernel tells the others. */
  finish(ending: Ending): void {
    this.ending = ending;
    for (const task of this.threads.values()) task.stop();
    this.threads.clear();
    for (const file of this.files.values()) file.close();
    this.files.clear();
    for (const stop of this.watchers.values()) stop();
    this.watchers.clear();
    if (this.reader !== null) this.is.stdin.unwant(this.reader);
    this.is.stdin.release();
    this.is.stdout.release();
    this.is.stderr.release();
    this.settle(ending);
  }
}
