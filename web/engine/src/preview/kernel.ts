/** The kernel as a preview's worker sees it: connections to the one port that the worker's origin stands for. */

import type { ToKernel, ToWorker } from "./protocol.ts";

/** Milliseconds that the kernel has for an answer; then the tunnel is asked. */
const PATIENCE = 15_000;

/** The worker's end of its channel to the kernel. */
export class KernelLink {
  private readonly waiting = new Map<number, (socket: MessagePort | null) => void>();
  private number = 0;

  /** `lost` is called when the kernel is gone. */
  constructor(
    private readonly port: MessagePort,
    lost: () => void,
  ) {
    port.onmessage = ({ data, ports }: MessageEvent<ToWorker>) => this.settle(data.id, data.done ? (ports[0] ?? null) : null);
    port.addEventListener("close", () => {
      lost();
      for (const id of [...this.waiting.keys()]) this.settle(id, null);
    });
  }

  /** A connection to the origin's port; null where the tunnel has to serve. */
  async connect(): Promise<MessagePort | null> {
    return await this.ask((id) => ({ kind: "connect", id }));
  }

  /** Let the tunnel serve all requests from now on; resolves when the kernel knows. */
  async leave(): Promise<void> {
    await this.ask((id) => ({ kind: "leave", id }));
  }

  private async ask(message: (id: number) => ToKernel): Promise<MessagePort | null> {
    this.number += 1;
    const id = this.number;
    const timer = setTimeout(() => this.settle(id, null), PATIENCE);
    const answer = await new Promise<MessagePort | null>((resolve) => {
      this.waiting.set(id, resolve);
      this.port.postMessage(message(id));
    });
    clearTimeout(timer);
    return answer;
  }

  private settle(id: number, socket: MessagePort | null): void {
    const resolve = this.waiting.get(id);
    this.waiting.delete(id);
    // A connection that comes too late is nobody's.
    if (resolve === undefined) socket?.close();
    else resolve(socket);
  }
}
