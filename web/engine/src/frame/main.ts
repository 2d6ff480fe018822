/**
 * The engine's document: it answers the genuine client, `@webcontainer/api` 1.6.4, which opens it in a frame.
 *
 * The protocol was read from that package: one `init` message with a MessagePort, on which a Comlink 4.3.0 object
 * offers `build`. The client has no way to hear why an engine does not come: a refusal goes to its page as a message
 * of its own (`refused`), and to the client as the error of `build`.
 */

import * as Comlink from "comlink";
import { postToServer } from "./calls/outside.ts";
import { instance } from "./client/instance.ts";
import { Kernel } from "./kernel.ts";
import { PreviewSettings, previewMessage } from "./preview-settings.ts";
import { Previews } from "./previews.ts";
import { Tunnel } from "./tunnel.ts";

interface BuildOptions {
  readonly workdirName?: string;
  readonly forwardPreviewErrors?: boolean | "exceptions-only";
}

/** The name of the work folder when the client gives none. */
const WORKDIR = "project";

let current: Kernel | null = null;

async function build(options: BuildOptions): Promise<object> {
  if (!crossOriginIsolated) throw new Error(NOT_ISOLATED);
  if (current !== null) throw new Error("this engine runs a container already: tear it down first");
  const kernel = new Kernel(`/home/${options.workdirName ?? WORKDIR}`, {
    makeWorker: (script) => new Worker(`/${script}`),
    post: postToServer,
    urlOf,
  });
  current = kernel;
  kernel.warm();
  const previews = new Previews(kernel.table.ports, urlOf);
  const settings = new PreviewSettings(postToServer);
  const tunnel = new Tunnel(kernel.table.ports, () => new WebSocket(`ws://${location.host}/__runner/tunnel`), {
    show: (port) => previews.show(port),
    leave: (port) => previews.leave(port),
    message: (port, json) => kernel.hearing.previewMessage(previewMessage(port, json)),
  });
  const ended = (): void => {
    tunnel.close();
    previews.close();
    current = null;
  };
  await settings.forwardErrors(options.forwardPreviewErrors ?? false);
  return Comlink.proxy(instance(kernel, settings, ended));
}

const NOT_ISOLATED =
  "the engine's document is not cross-origin isolated, so there is no SharedArrayBuffer: the page that holds it needs the headers " +
  "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, and its frame allow=\"cross-origin-isolated\"";

function urlOf(port: number): string {
  return `${location.protocol}//${port}--${location.host}/`;
}

// Not thrown here but said: the page can show it, while an engine that is silent only times out.
if (!crossOriginIsolated) window.parent.postMessage({ type: "refused", message: NOT_ISOLATED }, "*");
const channel = new MessageChannel();
Comlink.expose({ build }, channel.port1);
window.parent.postMessage({ type: "init" }, "*", [channel.port2]);
