/** Ports that processes listen on, and connections to them. */

import { failure } from "../files/errors.ts";
import type { Task } from "./task.ts";

/** First and last number of the ports that are given out when none is asked for, as on Linux. */
const FREE: { readonly FIRST: number; readonly LAST: number } = { FIRST: 32768, LAST: 60999 };

/** Hears when a port is taken, and when it is free again. */
export type PortListener = (port: number, state: "open" | "close") => void;

/** The ports of a container. */
export class Ports {
  private readonly owners = new Map<number, Task>();
  private next = FREE.FIRST;

  constructor(private readonly tell: PortListener) {}

  /** Take a port, 0 for any. @throws Failure EADDRINUSE, EINVAL */
  listen(task: Task, asked: number): number {
    if (!Number.isInteger(asked) || asked < 0 || asked > 65535) throw failure("EINVAL", "listen");
    const port = asked === 0 ? this.free() : asked;
    if (this.owners.has(port)) throw failure("EADDRINUSE", "listen");
    this.owners.set(port, task);
    this.tell(port, "open");
    return port;
  }

  /** Give a port back; nothing happens when it is not this task's. */
  unlisten(task: Task, port: number): void {
    if (this.owners.get(port) !== task) return;
    this.owners.delete(port);
    this.tell(port, "close");
  }

  /** Give back all ports of tasks that are over. */
  release(over: (task: Task) => boolean): void {
    for (const [port, task] of [...this.owners]) if (over(task)) this.unlisten(task, port);
  }

  /** The ports that are listened on. */
  open(): number[] {
    return [...this.owners.keys()];
  }

  /** One end of a new connection; the listener gets the other. Null when nobody listens. */
  connect(port: number): MessagePort | null {
    const owner = this.owners.get(port);
    if (owner === undefined) return null;
    const channel = new MessageChannel();
    owner.send({ type: "connection", port, socket: channel.port2 }, [channel.port2]);
    return channel.port1;
  }

  private free(): number {
    for (let tries = FREE.FIRST; tries <= FREE.LAST; tries += 1) {
      const port = this.next;
      this.next = port === FREE.LAST ? FREE.FIRST : port + 1;
      if (!this.owners.has(port)) return port;
    }
    throw failure("EADDRINUSE", "listen");
  }
}
