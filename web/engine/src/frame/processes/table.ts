/** All processes of a container: starting, signalling, ending. */

import type { ProcessStart, Signal, SpawnRequest, Stdio, ThreadRequest } from "../../contract.ts";
import { failure } from "../files/errors.ts";
import { FileNode } from "../files/nodes.ts";
import { Opened } from "../files/opened.ts";
import type { Volume } from "../files/volume.ts";
import { DEFAULT_PATH, lookUp, type Program } from "./lookup.ts";
import type { Pool } from "./pool.ts";
import type { PortListener } from "./ports.ts";
import { Ports } from "./ports.ts";
import { Process, SIGNALS, type Ending, type Identity, type Terminal } from "./process.ts";
import { Inlet, inletOf, nowhere, Outlet } from "./streams.ts";
import { Task, type Dispatch } from "./task.ts";

/** A process to start for nobody inside: the client's. */
export interface RootRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly terminal: Terminal | null;
  readonly stdin: Inlet;
  readonly stdout: Outlet;
  readonly stderr: Outlet;
}

/** Everything that a start needs besides the identity. */
interface Launch {
  readonly program: Program;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: readonly [Stdio, Stdio, Stdio];
  readonly argv0?: string;
}

/** What a child's pipes are instead of ways to its parent. */
export interface Pipes {
  readonly stdin: Inlet;
  readonly stdout: Outlet;
  readonly stderr: Outlet;
}

/** What one child's streams are. */
interface Streams {
  readonly stdin: Inlet;
  readonly input: Inlet | null;
  readonly stdout: Outlet;
  readonly stderr: Outlet;
}

const ENCODER = new TextEncoder();

/** The processes of one container. */
export class Table {
  readonly ports: Ports;
  private readonly processes = new Map<number, Process>();
  private lastPid = 1;
  /** Answers the calls of all tasks; set once, before anything starts. */
  dispatch: Dispatch = () => undefined;

  constructor(
    private readonly volume: Volume,
    private readonly pool: Pool,
    tell: PortListener,
  ) {
    this.ports = new Ports(tell);
  }

  /** Start a process for the client. @throws Failure as `spawn` reports them */
  run(request: RootRequest): Process {
    const { command, args, cwd, env, terminal, stdin, stdout, stderr } = request;
    const program = lookUp(this.volume, command, args, cwd, `${env.PATH ?? DEFAULT_PATH}:${cwd}/node_modules/.bin`);
    const pid = ++this.lastPid;
    const identity: Identity = { pid, group: pid, job: pid, origin: pid, parent: null, owner: null, ipc: false, stdin, stdout, stderr, terminal };
    return this.start(new Process(identity, cwd, stdin), { program, cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  }

  /** Start a child of a task's process. @throws Failure as `spawn` reports them */
  spawn(owner: Task, request: SpawnRequest, pipes?: Pipes): Process {
    const parent = owner.process;
    const { command, args, cwd, env, stdio, ipc = false, detached = false } = request;
    const program = lookUp(this.volume, command, args, cwd, env.PATH);
    const pid = ++this.lastPid;
    const streams = this.streams(owner, pid, stdio, pipes);
    const { group, job } = detached ? { group: pid, job: pid } : parent.is;
    const identity: Identity = { pid, group, job, origin: parent.is.origin, parent, owner, ipc, terminal: parent.is.terminal, ...streams };
    const child = new Process(identity, cwd, streams.input);
    child.umask = parent.umask;
    parent.children.add(child);
    return this.start(child, { program, cwd, env, stdio, ...(request.argv0 === undefined ? {} : { argv0: request.argv0 }) });
  }

  private start(process: Process, launch: Launch): Process {
    const { pid, parent, ipc } = process.is;
    const { program, args, script } = launch.program;
    const task = new Task(process, 0, this.dispatch, {
      output: (fd, data) => (fd === 1 ? process.is.stdout : process.is.stderr).write(data),
      exit: (code) => this.end(process, { code, signal: null }),
      failed: (message) => this.fail(process, message),
    });
    process.threads.set(0, task);
    this.processes.set(pid, process);
    const start: ProcessStart = {
      pid, ppid: parent?.is.pid ?? 1, program, args, cwd: launch.cwd, env: launch.env, stdio: launch.stdio, ipc, sync: task.memory,
      ...(launch.argv0 === undefined ? {} : { argv0: launch.argv0 }), ...terminalOf(process, launch.stdio),
    };
    this.pool.take(script).then(
      (worker) => task.begin(worker, start, []),
      (error: unknown) => this.fail(process, error instanceof Error ? error.message : String(error)),
    );
    return process;
  }

  /** Start a thread of a process; the answer is its number. */
  thread(owner: Task, request: ThreadRequest, port: MessagePort): number {
    const { process } = owner;
    const id = process.nextThread();
    const over = (code: number): void => {
      if (!process.threads.delete(id)) return;
      task.stop();
      this.ports.release((each) => each === task);
      owner.send({ type: "thread-exit", thread: id, code });
    };
    const task = new Task(process, id, this.dispatch, {
      output: (fd, data) => (fd === 1 ? process.is.stdout : process.is.stderr).write(data),
      exit: over,
      failed: (message) => {
        process.is.stderr.write(ENCODER.encode(`a thread of ${request.program} ended: ${message}\n`));
        over(1);
      },
    });
    process.threads.set(id, task);
    const { pid, parent } = process.is;
    const start: ProcessStart = {
      pid, ppid: parent?.is.pid ?? 1, ...request, cwd: process.cwd, stdio: ["ignore", "pipe", "pipe"], ipc: false,
      thread: { id, port }, sync: task.memory,
    };
    this.pool.take("process.js").then(
      (worker) => task.begin(worker, start, [port]),
      () => over(1),
    );
    return id;
  }

  private streams(owner: Task, pid: number, stdio: SpawnRequest["stdio"], pipes: Pipes | undefined): Streams {
    const { is, files } = owner.process;
    const input = stdio[0] === "pipe" ? (pipes?.stdin ?? new Inlet()) : null;
    const from = stdio[0] === "inherit" ? 0 : stdio[0];
    const stdin = input ?? (from === 0 ? is.stdin.hold() : inletOf(typeof from === "number" ? restOf(files.get(from)) : new Uint8Array(0)));
    const outlet = (fd: 1 | 2): Outlet => {
      const to = stdio[fd] === "inherit" ? fd : stdio[fd];
      if (to === "pipe") return pipes?.[fd === 1 ? "stdout" : "stderr"] ?? new Outlet((data) => owner.send({ type: "child-output", pid, fd, data }));
      if (to === 1) return is.stdout.hold();
      if (to === 2) return is.stderr.hold();
      return typeof to === "number" ? intoFile(files.get(to)) : nowhere();
    };
    return { input, stdin, stdout: outlet(1), stderr: outlet(2) };
  }

  private fail(process: Process, message: string): void {
    process.is.stderr.write(ENCODER.encode(`the process ${process.is.pid} ended, as its Worker failed: ${message}\n`));
    this.end(process, { code: 1, signal: null });
  }

  /** Let a process be over, and tell all that it concerns. */
  end(process: Process, ending: Ending): void {
    if (process.ending !== null) return;
    const { pid, owner, parent } = process.is;
    this.ports.release((task) => task.process === process);
    this.disconnect(process);
    process.finish(ending);
    this.processes.delete(pid);
    parent?.children.delete(process);
    if (owner !== null && parent?.ending === null) owner.send({ type: "child-exit", pid, ...ending });
    for (const child of process.children) this.orphan(child);
  }

  private orphan(child: Process): void {
    this.disconnect(child);
    // The parent held the writing end: nothing more can come. It may be ended already.
    child.input?.write(null).catch(() => undefined);
  }

  /** Cut the message channel between a process and its parent. */
  disconnect(process: Process): void {
    if (!process.linked) return;
    process.linked = false;
    const { pid, parent, owner } = process.is;
    if (parent?.ending === null) owner?.send({ type: "disconnect", from: pid });
    if (process.ending === null) process.main?.send({ type: "disconnect", from: "parent" });
  }

  get(pid: number): Process | undefined {
    return this.processes.get(pid);
  }

  all(): Process[] {
    return [...this.processes.values()];
  }

  /** Signal a process, or with a negative number the group that it leads. False when there is none. */
  kill(pid: number, signal: Signal | 0): boolean {
    const meant = pid < 0 ? this.all().filter((each) => each.is.group === -pid) : [this.processes.get(pid)];
    let found = false;
    for (const process of meant) {
      if (process === undefined) continue;
      found = true;
      if (signal !== 0) this.signal(process, signal);
    }
    return found;
  }

  /** What a signal does: it is heard, or ends the process. @throws Failure EINVAL for an unknown one */
  signal(process: Process, signal: Signal): void {
    if (!(signal in SIGNALS)) throw failure("EINVAL", "kill");
    if (process.heard.has(signal) && signal !== "SIGKILL") process.main?.send({ type: "signal", signal });
    else this.end(process, { code: null, signal });
  }

  /** A process of the client's with all that it started and they did, but for what was detached; youngest first. */
  job(process: Process): Process[] {
    return this.all().filter((each) => each.is.job === process.is.pid).reverse();
  }

  /** All who come from a process of the client's, detached or not; youngest first. */
  family(process: Process): Process[] {
    return this.all().filter((each) => each.is.origin === process.is.pid).reverse();
  }

  /** End everything. */
  close(): void {
    for (const process of this.all()) this.end(process, { code: null, signal: "SIGKILL" });
    this.pool.close();
  }
}

function terminalOf(process: Process, stdio: SpawnRequest["stdio"]): Pick<ProcessStart, "terminal"> {
  const { terminal, parent } = process.is;
  if (terminal === null) return {};
  const on = (fd: 0 | 1 | 2): boolean => parent === null || stdio[fd] === "inherit" || (typeof stdio[fd] === "number" && stdio[fd] < 3);
  return { terminal: { cols: terminal.cols, rows: terminal.rows, on: [on(0), on(1), on(2)] } };
}

function restOf(file: Opened | undefined): Uint8Array {
  if (file === undefined) throw failure("EBADF", "spawn");
  return file.node instanceof FileNode ? file.read(file.node.size, null).slice() : new Uint8Array(0);
}

function intoFile(file: Opened | undefined): Outlet {
  if (file === undefined) throw failure("EBADF", "spawn");
  const held = file.hold();
  return new Outlet((data) => {
    if (data === null) held.close();
    else held.write(data, null);
  });
}
