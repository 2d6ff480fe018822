/** What a shell needs of the machine: files, programs, its own streams. Tests give another. */

import type { Calls, Signal, SpawnRequest } from "../../../contract.ts";
import { call, callSync, on, output } from "../../calls.ts";
import { Pipe } from "./streams.ts";

type FileCall = Extract<keyof Calls, `fs.${string}`>;

/** A program that was started. */
export interface Child {
  readonly pid: number;
  /** How it ended: 128 and the signal's number when a signal ended it. */
  readonly ended: Promise<number>;
  /** Its piped output, when all of that is handed over. */
  readonly drained: Promise<void>;
  /** Bytes for its piped stdin, null for the end. False when it takes no more. */
  input(data: Uint8Array | null): Promise<boolean>;
}

export interface System {
  readonly pid: number;
  readonly ppid: number;
  files<N extends FileCall>(name: N, ...args: Parameters<Calls[N]>): ReturnType<Calls[N]>;
  output(fd: 1 | 2, data: Uint8Array): void;
  /** Whether the shell has begun to read its own stdin. */
  readonly readsInput: boolean;
  /** What comes on the shell's own stdin, from the moment when it is asked for. */
  stdin(): Pipe;
  /** Throws SystemError (ENOENT, EACCES). Piped output is handed to `sink`, which may make it wait. */
  spawn(request: SpawnRequest, sink: (fd: 1 | 2, data: Uint8Array) => Promise<void>): Promise<Child>;
  kill(pid: number, signal: Signal | 0): boolean;
  /** Which signals are heard from now on, and by whom. */
  hear(signals: readonly Signal[], listener: (signal: Signal) => void): void;
  sleep(ms: number): Promise<void>;
  chdir(path: string): void;
}

/** Numbers of signals on Linux. */
export const SIGNALS: Readonly<Record<Signal, number>> = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15,
};

/** The code that a shell gives to an end: of a signal, 128 and its number. */
export function exitCode(code: number | null, signal: Signal | null): number {
  return signal === null ? (code ?? 0) : 128 + SIGNALS[signal];
}

interface Running {
  sink: (fd: 1 | 2, data: Uint8Array) => Promise<void>;
  ended: (code: number) => void;
  drained: () => void;
  open: number;
  chain: Promise<void>;
}

/** The machine that the kernel of this engine is. */
export class KernelSystem implements System {
  readonly pid: number;
  readonly ppid: number;
  private input: Pipe | null = null;
  private readonly running = new Map<number, Running>();
  /** Events of a child can come before the answer that names it. */
  private readonly early = new Map<number, (() => void)[]>();
  private listener: (signal: Signal) => void = () => undefined;

  constructor(pid: number, ppid: number) {
    this.pid = pid;
    this.ppid = ppid;
    on("child-output", (event) => this.about(event.pid, (child) => this.received(child, event.fd, event.data)));
    on("child-exit", (event) => this.about(event.pid, (child) => child.ended(exitCode(event.code, event.signal))));
    on("signal", (event) => this.listener(event.signal));
  }

  files<N extends FileCall>(name: N, ...args: Parameters<Calls[N]>): ReturnType<Calls[N]> {
    return callSync(name, ...args);
  }

  output(fd: 1 | 2, data: Uint8Array): void {
    output(fd, data);
  }

  get readsInput(): boolean {
    return this.input !== null;
  }

  stdin(): Pipe {
    if (this.input === null) {
      const input = new Pipe();
      this.input = input;
      input.hold("write");
      input.hold("read");
      on("stdin", (event) => {
        if (event.data === null) input.release("write");
        else void input.write(event.data);
      });
      void call("process.readStdin", true);
    }
    return this.input;
  }

  async spawn(request: SpawnRequest, sink: (fd: 1 | 2, data: Uint8Array) => Promise<void>): Promise<Child> {
    const pid = await call("process.spawn", request);
    const open = request.stdio.slice(1).filter((where) => where === "pipe").length;
    let child: Running | undefined;
    const ended = new Promise<number>((resolve) => {
      const drained = (): void => undefined;
      child = { sink, ended: resolve, drained, open, chain: Promise.resolve() };
    });
    const drained = new Promise<void>((resolve) => {
      if (child !== undefined) child.drained = resolve;
      if (open === 0) resolve();
    });
    if (child !== undefined) this.running.set(pid, child);
    for (const late of this.early.get(pid) ?? []) late();
    this.early.delete(pid);
    void Promise.all([ended, drained]).then(() => this.running.delete(pid));
    return { pid, ended, drained, input: (data) => call("process.stdin", pid, data).then(() => true, () => false) };
  }

  kill(pid: number, signal: Signal | 0): boolean {
    return callSync("process.kill", pid, signal);
  }

  hear(signals: readonly Signal[], listener: (signal: Signal) => void): void {
    this.listener = listener;
    callSync("process.signals", signals);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  chdir(path: string): void {
    callSync("process.chdir", path);
  }

  private about(pid: number, what: (child: Running) => void): void {
    const child = this.running.get(pid);
    if (child !== undefined) return what(child);
    const late = this.early.get(pid) ?? [];
    late.push(() => this.about(pid, what));
    this.early.set(pid, late);
  }

  private received(child: Running, fd: 1 | 2, data: Uint8Array | null): void {
    child.chain = child.chain.then(() => (data === null ? undefined : child.sink(fd, data)));
    if (data !== null) return;
    child.open -= 1;
    if (child.open === 0) void child.chain.then(child.drained);
  }
}
