/** Processes for tests of the kernel: functions in place of Workers, over the same messages. */

import { STATE, SYNC, type Calls, type FromProcess, type ProcessEvent, type ProcessStart, type ToProcess } from "../../src/contract.ts";
import type { Script, WorkerLike } from "../../src/frame/processes/pool.ts";

/** What a scripted process can do. */
export interface Self {
  readonly start: ProcessStart;
  readonly script: Script;
  /** All events so far. */
  readonly events: ProcessEvent[];
  write(fd: 1 | 2, data: string | Uint8Array): void;
  call<N extends keyof Calls>(name: N, ...args: Parameters<Calls[N]>): Promise<ReturnType<Calls[N]>>;
  /** A call as Node's synchronous functions make it: the answer's bytes as they come through shared memory, by parts. */
  callSync<N extends keyof Calls>(name: N, ...args: Parameters<Calls[N]>): { format: number; parts: Uint8Array[] };
  /** The next event of a type that has not been asked for yet. */
  next<T extends ProcessEvent["type"]>(type: T): Promise<Extract<ProcessEvent, { type: T }>>;
  exit(code: number): void;
  /** Fail as a Worker does whose script throws outside of everything. */
  crash(message: string): void;
}

/** A program by the name that its first argument gives. */
export type Programs = Record<string, (self: Self) => void | Promise<void>>;

/** Workers that run functions. `alive` counts those that have not been terminated. */
export class Workers {
  alive = 0;

  constructor(private readonly programs: Programs) {}

  readonly make = (script: Script): WorkerLike => {
    this.alive += 1;
    return new ScriptedWorker(script, this.programs, () => (this.alive -= 1));
  };
}

class ScriptedWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onerror: WorkerLike["onerror"] = null;
  private over = false;
  private readonly events: ProcessEvent[] = [];
  private taken = new Set<ProcessEvent>();
  private wake: (() => void)[] = [];
  private readonly replies = new Map<number, (message: Extract<ToProcess, { kind: "reply" }>) => void>();
  private last = 0;

  constructor(
    private readonly script: Script,
    private readonly programs: Programs,
    private readonly ended: () => void,
  ) {
    setTimeout(() => this.say({ kind: "ready" }), 1);
  }

  private say(message: FromProcess): void {
    if (!this.over) this.onmessage?.call(undefined as never, { data: message } as MessageEvent<FromProcess>);
  }

  terminate(): void {
    if (!this.over) this.ended();
    this.over = true;
  }

  postMessage(message: ToProcess): void {
    setTimeout(() => {
      if (!this.over) this.hear(message);
    }, 0);
  }

  private hear(message: ToProcess): void {
    if (message.kind === "reply") this.replies.get(message.id)?.(message);
    else if (message.kind === "event") {
      this.events.push(message.event);
      for (const wake of this.wake.splice(0)) wake();
    } else void this.run(message.start);
  }

  private async run(start: ProcessStart): Promise<void> {
    const program = this.programs[start.args[0] ?? ""];
    if (program === undefined) throw new Error(`no scripted program ${start.args.join(" ")}`);
    await program({
      start,
      script: this.script,
      events: this.events,
      write: (fd, data) => this.say({ kind: "output", fd, data: typeof data === "string" ? new TextEncoder().encode(data) : data }),
      call: (name, ...args) => this.call(name, args) as never,
      callSync: (name, ...args) => this.callSync(start.sync, name, args),
      next: async (type) => {
        for (;;) {
          const event = this.events.find((each) => each.type === type && !this.taken.has(each));
          if (event !== undefined) {
            this.taken.add(event);
            return event as never;
          }
          await new Promise<void>((resolve) => this.wake.push(resolve));
        }
      },
      exit: (code) => this.say({ kind: "exit", code }),
      crash: (reason) => this.onerror?.call(undefined as never, { message: reason, preventDefault: () => undefined } as ErrorEvent),
    });
  }

  private callSync(memory: SharedArrayBuffer, name: keyof Calls, args: readonly unknown[]): { format: number; parts: Uint8Array[] } {
    const words = new Int32Array(memory, 0, SYNC.DATA / 4);
    const parts: Uint8Array[] = [];
    Atomics.store(words, SYNC.STATE, STATE.WAITING);
    this.say({ kind: "call", id: 0, sync: true, name, args });
    for (;;) {
      parts.push(new Uint8Array(memory, SYNC.DATA, words[SYNC.LENGTH]).slice());
      if (Atomics.load(words, SYNC.STATE) === STATE.DONE) return { format: words[SYNC.FORMAT] ?? -1, parts };
      Atomics.store(words, SYNC.STATE, STATE.WAITING);
      this.say({ kind: "next" });
    }
  }

  private call(name: keyof Calls, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.last;
      this.replies.set(id, ({ ok, value }) => {
        if (ok) resolve(value);
        else reject(Object.assign(new Error((value as { message: string }).message), value));
      });
      this.say({ kind: "call", id, sync: false, name, args });
    });
  }
}
