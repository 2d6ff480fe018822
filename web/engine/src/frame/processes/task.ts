/** A Worker at work: the main thread of a process, or another. Carries calls to the kernel and answers and events back. */

import { encode } from "@msgpack/msgpack";
import { FORMAT, STATE, SYNC, type Calls, type FromProcess, type ProcessEvent, type ProcessStart, type ToProcess } from "../../contract.ts";
import { asCallError } from "../files/errors.ts";
import type { Process } from "./process.ts";
import type { WorkerLike } from "./pool.ts";

/** Who answers a call: the value or a promise of it; throws `Failure`. */
export type Dispatch = (task: Task, name: keyof Calls, args: readonly unknown[]) => unknown;

/** What happens to a task besides calls. */
export interface TaskEnds {
  output(fd: 1 | 2, data: Uint8Array): void;
  exit(code: number): void;
  failed(message: string): void;
}

/** One Worker of a process. Until the Worker is there, what is sent to it waits. */
export class Task {
  readonly memory = new SharedArrayBuffer(SYNC.SIZE);
  private readonly words = new Int32Array(this.memory, 0, SYNC.DATA / 4);
  private readonly room = new Uint8Array(this.memory, SYNC.DATA);
  private worker: WorkerLike | null = null;
  private early: [ToProcess, Transferable[]][] = [];
  private rest: Uint8Array = new Uint8Array(0);
  private over = false;

  /** `thread`: 0 for the main one. */
  constructor(
    readonly process: Process,
    readonly thread: number,
    private readonly dispatch: Dispatch,
    private readonly ends: TaskEnds,
  ) {}

  /** Become the process that `start` describes. */
  begin(worker: WorkerLike, start: ProcessStart, transfer: Transferable[]): void {
    if (this.over) return worker.terminate();
    this.worker = worker;
    worker.onmessage = (event) => this.hear(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.ends.failed(event.message || "its Worker failed");
    };
    worker.postMessage({ kind: "start", start }, transfer);
    for (const [message, handed] of this.early.splice(0)) worker.postMessage(message, handed);
  }

  /** Tell it what happened. */
  send(event: ProcessEvent, transfer: Transferable[] = []): void {
    this.post({ kind: "event", event }, transfer);
  }

  /** Have it end as if it had said so. */
  quit(code: number): void {
    if (!this.over) this.ends.exit(code);
  }

  /** End it at once, without a word. */
  stop(): void {
    this.over = true;
    this.worker?.terminate();
    this.worker = null;
    this.early = [];
  }

  private post(message: ToProcess, transfer: Transferable[]): void {
    if (this.worker !== null) this.worker.postMessage(message, transfer);
    else if (!this.over) this.early.push([message, transfer]);
  }

  private hear(message: FromProcess): void {
    if (this.over) return;
    if (message.kind === "call") this.called(message);
    else if (message.kind === "next") this.part();
    else if (message.kind === "output") this.ends.output(message.fd, message.data);
    else if (message.kind === "exit") this.ends.exit(message.code);
  }

  private called({ id, sync, name, args }: Extract<FromProcess, { kind: "call" }>): void {
    const answer = (ok: boolean, value: unknown): void => {
      if (this.over) return;
      if (sync) this.wake(ok, value);
      else this.reply(id, ok, value);
    };
    const failed = (error: unknown): void => answer(false, asCallError(error));
    try {
      const value = this.dispatch(this, name, args);
      if (value instanceof Promise) value.then((later) => answer(true, later), failed);
      else answer(true, value);
    } catch (error) {
      failed(error);
    }
  }

  private reply(id: number, ok: boolean, value: unknown): void {
    if (value instanceof Uint8Array) {
      // A view would take the whole buffer below it along.
      const copy = value.slice();
      this.post({ kind: "reply", id, ok, value: copy }, [copy.buffer]);
    } else this.post({ kind: "reply", id, ok, value }, value instanceof MessagePort ? [value] : []);
  }

  private wake(ok: boolean, value: unknown): void {
    const bytes = ok && value instanceof Uint8Array;
    this.rest = bytes ? value : encode(value ?? null);
    Atomics.store(this.words, SYNC.FORMAT, ok ? (bytes ? FORMAT.BYTES : FORMAT.VALUE) : FORMAT.ERROR);
    this.part();
  }

  private part(): void {
    const part = this.rest.subarray(0, this.room.length);
    this.rest = this.rest.subarray(part.length);
    this.room.set(part);
    Atomics.store(this.words, SYNC.LENGTH, part.length);
    Atomics.store(this.words, SYNC.STATE, this.rest.length > 0 ? STATE.PART : STATE.DONE);
    Atomics.notify(this.words, SYNC.STATE);
  }
}
