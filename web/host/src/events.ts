/** What happens in a container, told in order. */
import type { PreviewMessage } from "@webcontainer/api";

/** How a container is. `unresponsive` may become `ready` again; `gone` is the end. */
export type ToolState = "booting" | "ready" | "unresponsive" | "gone";

/** One thing that happened. All output of a process comes before its exit. */
export type ToolEvent =
  | { kind: "output"; id: string; data: string }
  | { kind: "exit"; id: string; code: number }
  | { kind: "port"; port: number; state: "open" | "close"; url: string }
  | { kind: "server-ready"; port: number; url: string }
  | { kind: "error"; message: string }
  | { kind: "preview-message"; message: PreviewMessage }
  | { kind: "watch"; id: string; event: "rename" | "change"; name: string }
  /** `reason` is a sentence, empty for `ready`. */
  | { kind: "state"; state: ToolState; reason: string }
  /** Whether the browser believes that it has a network. A container goes on without one. */
  | { kind: "network"; online: boolean };

/** Takes events; called in order, never for two batches at a time. */
export type Emit = (events: ToolEvent[]) => Promise<void> | void;

/** Output pieces of one process are joined up to this many UTF-16 units, so that an event stays small. */
const JOINED = 256 * 1024;

/** Hands events on in batches: while one is being taken, the next gathers. */
export class Outbox {
  #waiting: ToolEvent[] = [];
  #sending: Promise<void> | null = null;

  constructor(private readonly emit: Emit) {}

  /** Queue an event. */
  push(event: ToolEvent): void {
    const last = this.#waiting.at(-1);
    if (event.kind === "output" && last?.kind === "output" && last.id === event.id && last.data.length < JOINED) {
      last.data += event.data;
    } else {
      this.#waiting.push(event.kind === "output" ? { ...event } : event);
    }
    this.#sending ??= this.#send();
  }

  /** Resolves when everything queued so far was taken. */
  async flushed(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  async #send(): Promise<void> {
    await Promise.resolve(); // what is pushed in the same turn goes into the same batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.emit(batch);
      } catch (error) {
        // Who listens has gone: there is nobody left to tell.
        console.error("runner: events were not taken:", error);
      }
    }
    this.#sending = null;
  }
}
