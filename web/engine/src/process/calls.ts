/** Calls of this process to the kernel, and the events that come back. */

import { decode } from "@msgpack/msgpack";
import { FORMAT, STATE, SYNC, type CallError, type Calls, type FromProcess, type ProcessEvent, type ToProcess } from "../contract.ts";

type Name = keyof Calls;
type Args<N extends Name> = Parameters<Calls[N]>;
type Value<N extends Name> = ReturnType<Calls[N]>;

/** An error of the kernel, shaped as Node's system errors are. */
export class SystemError extends Error {
  declare readonly errno?: number;
  declare readonly code: string;
  declare readonly syscall?: string;
  declare readonly path?: string;
  declare readonly dest?: string;

  constructor(error: CallError) {
    super(error.message);
    // In Node's order, since people print them.
    for (const key of ["errno", "code", "syscall", "path", "dest"] as const) if (error[key] !== undefined) Object.assign(this, { [key]: error[key] });
  }
}

// Taken now: programs do not see this global.
const send = (globalThis as unknown as MessagePort).postMessage.bind(globalThis) as (message: FromProcess, transfer?: Transferable[]) => void;
const post = (message: FromProcess): void => send(message);

let shared: Int32Array = new Int32Array(0);
let bytes: Uint8Array = new Uint8Array(0);
let last = 0;
const pending = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
const listeners = new Map<ProcessEvent["type"], ((event: never) => void)[]>();

/** Take the shared memory that the process was started with. */
export function attach(memory: SharedArrayBuffer): void {
  shared = new Int32Array(memory, 0, SYNC.DATA / 4);
  bytes = new Uint8Array(memory, SYNC.DATA);
}

/** Call and sleep until the answer is there. Throws SystemError. */
export function callSync<N extends Name>(name: N, ...args: Args<N>): Value<N> {
  Atomics.store(shared, SYNC.STATE, STATE.WAITING);
  post({ kind: "call", id: 0, sync: true, name, args });
  const parts: Uint8Array[] = [];
  for (;;) {
    const state = awaited();
    parts.push(bytes.slice(0, Atomics.load(shared, SYNC.LENGTH)));
    if (state === STATE.DONE) break;
    Atomics.store(shared, SYNC.STATE, STATE.WAITING);
    post({ kind: "next" });
  }
  return answer(Atomics.load(shared, SYNC.FORMAT), parts) as Value<N>;
}

/** Sleep until there is an answer. Waking up alone says nothing: the kernel's word for the answer before may come late. */
function awaited(): number {
  for (;;) {
    const state = Atomics.load(shared, SYNC.STATE);
    if (state !== STATE.WAITING) return state;
    Atomics.wait(shared, SYNC.STATE, STATE.WAITING);
  }
}

function answer(format: number, parts: readonly Uint8Array[]): unknown {
  const all = parts.length === 1 && parts[0] !== undefined ? parts[0] : joined(parts);
  if (format === FORMAT.BYTES) return all;
  const value = decode(all);
  if (format === FORMAT.ERROR) throw new SystemError(value as CallError);
  return value;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Call and go on; the promise rejects with SystemError. */
export function call<N extends Name>(name: N, ...args: Args<N>): Promise<Value<N>> {
  return callWith([], name, ...args);
}

/** Like `call`, handing over the ports and buffers among the arguments that `transfer` lists. */
export function callWith<N extends Name>(transfer: Transferable[], name: N, ...args: Args<N>): Promise<Value<N>> {
  return new Promise((resolve, reject) => {
    const id = ++last;
    pending.set(id, { resolve, reject });
    send({ kind: "call", id, sync: false, name, args }, transfer);
  });
}

/** Write to descriptor 1 or 2 at once; order is kept, also before `exit`. */
export function output(fd: 1 | 2, data: Uint8Array): void {
  post({ kind: "output", fd, data });
}

let farewell: () => void = () => undefined;

/** Do this last, before the kernel is told that the process ends. */
export function beforeExit(body: () => void): void {
  farewell = body;
}

/** End this process now: nothing after this call runs. */
export function exit(code: number): never {
  farewell();
  post({ kind: "exit", code });
  for (;;) Atomics.wait(shared, SYNC.DATA / 4 - 1, 0);
}

/** Hear events of one type. */
export function on<T extends ProcessEvent["type"]>(type: T, listener: (event: Extract<ProcessEvent, { type: T }>) => void): void {
  const known = listeners.get(type) ?? [];
  known.push(listener);
  listeners.set(type, known);
}

/** Hand a message of the kernel to whom it concerns. Each is a turn of the event loop: `turn` runs it. */
export function receive(message: ToProcess, turn: (body: () => void) => void): void {
  if (message.kind === "reply") {
    const waiting = pending.get(message.id);
    pending.delete(message.id);
    turn(() => {
      if (message.ok) waiting?.resolve(message.value as never);
      else waiting?.reject(new SystemError(message.value as CallError));
    });
  } else if (message.kind === "event") {
    const event = message.event;
    for (const listener of listeners.get(event.type) ?? []) turn(() => (listener as (e: ProcessEvent) => void)(event));
  }
}

/** Tell the kernel that this Worker can become a process. */
export function ready(): void {
  post({ kind: "ready" });
}
