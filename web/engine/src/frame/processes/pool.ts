/** Workers, kept warm: starting one takes longer than a small program runs. */

import type { FromProcess, ToProcess } from "../../contract.ts";

/** What is needed of a Worker. */
export interface WorkerLike {
  onmessage: ((this: never, event: MessageEvent<FromProcess>) => void) | null;
  onerror: ((this: never, event: ErrorEvent) => void) | null;
  postMessage(message: ToProcess, transfer: Transferable[]): void;
  terminate(): void;
}

/** The scripts that Workers run. */
export type Script = "process.js" | "shell.js";

/** Milliseconds after which a Worker that was taken is replaced: the one that runs now goes first. */
const REFILL = 40;

interface Idle {
  readonly worker: WorkerLike;
  readonly ready: Promise<WorkerLike>;
}

/** Idle Workers of each script. */
export class Pool {
  private readonly idle = new Map<Script, Idle[]>();
  private open = true;

  /** `make` starts a Worker of a script; `sizes` says how many of each are kept idle. */
  constructor(
    private readonly make: (script: Script) => WorkerLike,
    private readonly sizes: Readonly<Record<Script, number>>,
  ) {}

  /** Start the idle Workers of a script, one after the other: the first is what somebody may wait for. */
  fill(script: Script): void {
    const waiting = this.waiting(script);
    if (!this.open || waiting.length >= this.sizes[script]) return;
    const next = this.start(script);
    waiting.push(next);
    // When one fails so would the others.
    next.ready.then(() => this.fill(script), () => undefined);
  }

  /** A Worker that is ready to become a process. Rejects when its script fails. */
  take(script: Script): Promise<WorkerLike> {
    const { ready } = this.waiting(script).shift() ?? this.start(script);
    setTimeout(() => this.fill(script), REFILL);
    return ready;
  }

  /** End all idle Workers and make no more. */
  close(): void {
    this.open = false;
    for (const waiting of this.idle.values()) for (const { worker } of waiting.splice(0)) worker.terminate();
  }

  private waiting(script: Script): Idle[] {
    const waiting = this.idle.get(script) ?? [];
    this.idle.set(script, waiting);
    return waiting;
  }

  private start(script: Script): Idle {
    const worker = this.make(script);
    const ready = new Promise<WorkerLike>((resolve, reject) => {
      worker.onmessage = (event) => {
        if (event.data.kind === "ready") resolve(worker);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        worker.terminate();
        this.drop(script, worker);
        reject(new Error(event.message || `${script} cannot be loaded`));
      };
    });
    // Whoever takes it hears of the failure; for an idle one there is nobody to tell.
    ready.catch(() => undefined);
    return { worker, ready };
  }

  private drop(script: Script, worker: WorkerLike): void {
    const waiting = this.waiting(script);
    const at = waiting.findIndex((each) => each.worker === worker);
    if (at >= 0) waiting.splice(at, 1);
  }
}
