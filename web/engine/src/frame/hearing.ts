/** What the client wants to hear of: ports, errors of the engine, and what pages of previews say. */

/** The client's events by name; those that a local engine never has are known too, and stay silent. */
export const EVENTS = ["port", "server-ready", "error", "preview-message", "xdg-open", "code"] as const;

/** One of the client's events. */
export type EventName = (typeof EVENTS)[number];

/** A function of the client's, called with what the event carries. */
export type Listener = (...values: unknown[]) => void;

/** Those who listen, by event. */
export class Hearing {
  private readonly listeners = new Map<EventName, Set<Listener>>();

  /** Call a listener at every event of a name from now on, until the returned function is called. */
  on(name: EventName, listener: Listener): () => void {
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known);
    known.add(listener);
    return () => known.delete(listener);
  }

  /** A port was taken or is free again. */
  port(port: number, state: "open" | "close", url: string): void {
    this.tell("port", port, state, url);
    if (state === "open") this.tell("server-ready", port, url);
  }

  /** The engine itself has failed in something. */
  error(message: string): void {
    this.tell("error", { message });
  }

  /** A page of a preview has failed in something; the client names the fields. */
  previewMessage(message: object): void {
    this.tell("preview-message", message);
  }

  /** Forget all listeners. */
  close(): void {
    this.listeners.clear();
  }

  private tell(name: EventName, ...values: unknown[]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) listener(...values);
  }
}
