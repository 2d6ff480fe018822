/** Answers to the process calls. */

import type { SpawnRequest, SpawnResult } from "../../contract.ts";
import { concat } from "../bytes.ts";
import { failure } from "../files/errors.ts";
import type { Volume } from "../files/volume.ts";
import { inletOf, Outlet } from "../processes/streams.ts";
import type { Table } from "../processes/table.ts";
import type { Task } from "../processes/task.ts";
import type { Handlers, Named } from "./handlers.ts";

type Streams = "process.stdin" | "process.readStdin" | "process.message" | "process.disconnect" | "process.rawMode";

/** All process calls over one table. */
export function processCalls(table: Table, volume: Volume): Handlers<Named<"process">> {
  return { ...lifeCalls(table, volume), ...streamCalls(table) };
}

function lifeCalls(table: Table, volume: Volume): Handlers<Exclude<Named<"process">, Streams>> {
  return {
    "process.spawn": (task, request) => table.spawn(task, request).is.pid,
    "process.spawnSync": (task, request, ...[input, timeout, signal, maxBuffer = Infinity]) => waitFor(table, task, { request, input, timeout, signal, maxBuffer }),
    "process.thread": (task, request, port) => table.thread(task, request, port),
    "process.endThread": ({ process }, thread) => process.threads.get(thread)?.quit(1),
    "process.signals": ({ process }, heard) => {
      process.heard = new Set(heard);
    },
    "process.kill": (_, pid, signal) => table.kill(pid, signal),
    "process.chdir": ({ process }, path) => {
      if (volume.kindOf(path) !== 2) throw failure(volume.kindOf(path) === 0 ? "ENOENT" : "ENOTDIR", "chdir", process.cwd, path);
      process.cwd = path;
    },
    "process.umask": ({ process }, mask) => {
      const before = process.umask;
      if (mask !== null) process.umask = mask & 0o777;
      return before;
    },
  };
}

function streamCalls(table: Table): Handlers<Streams> {
  return {
    "process.stdin": (task, pid, data) => {
      const child = table.get(pid);
      if (child?.is.parent !== task.process || child.input === null) throw failure("EPIPE", "write");
      return child.input.write(data);
    },
    "process.readStdin": (task, wanted) => {
      const { process } = task;
      process.reader ??= (data) => task.send({ type: "stdin", data });
      if (wanted) process.is.stdin.want(process.reader);
      else process.is.stdin.unwant(process.reader);
    },
    "process.message": (task, target, message) => {
      const { is, linked } = task.process;
      const child = target === "parent" ? undefined : table.get(target);
      if (target === "parent" && linked) is.owner?.send({ type: "message", from: is.pid, message });
      else if (child?.linked === true && child.is.parent === task.process) child.main?.send({ type: "message", from: "parent", message });
      else throw failure("EPIPE", "write");
    },
    "process.disconnect": (task, target) => {
      const child = target === "parent" ? task.process : table.get(target);
      if (child !== undefined) table.disconnect(child);
    },
    "process.rawMode": ({ process }, raw) => {
      if (process.is.terminal !== null) process.is.terminal.raw = raw;
    },
  };
}

interface Waiting {
  readonly request: SpawnRequest;
  readonly input: Uint8Array | null;
  readonly timeout: number;
  readonly signal: Parameters<Table["signal"]>[1];
  readonly maxBuffer: number;
}

/** Start a child and collect what its pipes bring, until it ends and nobody can write to them any more. */
async function waitFor(table: Table, task: Task, { request, input, timeout, signal, maxBuffer }: Waiting): Promise<SpawnResult> {
  let error: SpawnResult["error"];
  const stop = (why: "ETIMEDOUT" | "ENOBUFS"): void => {
    error ??= why;
    table.signal(child, signal);
  };
  const out = new Collected(maxBuffer, () => stop("ENOBUFS"));
  const err = new Collected(maxBuffer, () => stop("ENOBUFS"));
  const child = table.spawn(task, request, { stdin: inletOf(input ?? new Uint8Array(0)), stdout: out.outlet, stderr: err.outlet });
  const timer = timeout > 0 ? setTimeout(() => stop("ETIMEDOUT"), timeout) : undefined;
  const ending = await child.ended;
  // A stream that is no pipe is not collected, and has no end that could be waited for.
  const stdout = request.stdio[1] === "pipe" ? await out.whole : new Uint8Array(0);
  const stderr = request.stdio[2] === "pipe" ? await err.whole : new Uint8Array(0);
  clearTimeout(timer);
  return { pid: child.is.pid, ...ending, stdout, stderr, ...(error === undefined ? {} : { error }) };
}

/** What a pipe brings, whole. */
class Collected {
  readonly outlet: Outlet;
  readonly whole: Promise<Uint8Array>;
  private readonly parts: Uint8Array[] = [];
  private size = 0;

  constructor(limit: number, over: () => void) {
    let done: (all: Uint8Array) => void = () => undefined;
    this.whole = new Promise((resolve) => (done = resolve));
    this.outlet = new Outlet((data) => {
      if (data === null) return done(concat(this.parts).subarray(0, limit));
      const before = this.size;
      this.parts.push(data);
      this.size += data.length;
      if (before <= limit && this.size > limit) over();
    });
  }
}
