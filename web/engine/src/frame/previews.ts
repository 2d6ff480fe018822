/**
 * Service workers of previews: for a port that a frame shows, a hidden page at the port's own origin, which registers
 * the worker (`../preview`), and connections for that worker. Ports that are to be served by the tunnel get none.
 */

import type { FromPage, ToKernel, ToPage, ToWorker } from "../preview/protocol.ts";
import { PLACES } from "../preview/protocol.ts";
import type { Ports } from "./processes/ports.ts";

/** Milliseconds that a page has to take its worker away. */
const FAREWELL = 1000;

/** The previews of one container. */
export class Previews {
  private readonly pages = new Map<number, HTMLIFrameElement>();
  private readonly links = new Set<MessagePort>();
  private readonly left = new Set<number>();

  /** `urlOf` is where a port is seen from outside. */
  constructor(
    private readonly ports: Ports,
    private readonly urlOf: (port: number) => string,
  ) {
    window.addEventListener("message", this.heard);
  }

  /** A frame shows a port: have its further requests answered without the tunnel. */
  show(port: number): void {
    if (this.pages.has(port) || this.left.has(port)) return;
    const page = document.createElement("iframe");
    page.style.display = "none";
    page.src = new URL(PLACES.PAGE, this.urlOf(port)).href;
    this.pages.set(port, page);
    document.body.append(page);
  }

  /** Let the tunnel serve a port from now on: there are cookies, which workers do not see. */
  leave(port: number): void {
    this.left.add(port);
  }

  /** Take all workers away. */
  close(): void {
    for (const link of this.links) link.close();
    if (this.pages.size === 0) window.removeEventListener("message", this.heard);
    for (const [port, page] of this.pages) {
      page.contentWindow?.postMessage({ type: "preview-close" } satisfies ToPage, this.urlOf(port));
      setTimeout(() => this.remove(port), FAREWELL);
    }
  }

  private readonly heard = (event: MessageEvent<FromPage | null>): void => {
    const found = [...this.pages].find(([, page]) => page.contentWindow !== null && page.contentWindow === event.source);
    if (found === undefined || event.data?.type !== "preview") return;
    const [port] = found;
    const [link] = event.ports;
    if (event.data.state === "gone") this.remove(port);
    else if (link !== undefined) this.attach(port, link);
  };

  private remove(port: number): void {
    this.pages.get(port)?.remove();
    this.pages.delete(port);
    if (this.pages.size === 0) window.removeEventListener("message", this.heard);
  }

  private attach(port: number, link: MessagePort): void {
    this.links.add(link);
    link.addEventListener("close", () => this.links.delete(link));
    link.onmessage = ({ data }: MessageEvent<ToKernel>) => {
      if (data.kind === "leave") this.leave(port);
      const socket = data.kind === "connect" ? this.connection(port) : null;
      link.postMessage({ id: data.id, done: socket !== null } satisfies ToWorker, socket === null ? [] : [socket]);
    };
  }

  private connection(port: number): MessagePort | null {
    return this.left.has(port) ? null : this.ports.connect(port);
  }
}
