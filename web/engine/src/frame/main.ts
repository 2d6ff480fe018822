/**
 * The engine's document: it answers the genuine client, `@webcontainer/api` 1.6.4, which opens it in a frame.
 *
 * The protocol was read from that package: one `init` message with a MessagePort, on which a Comlink 4.3.0 object
 * offers `build`.
 */

import * as Comlink from "comlink";
import { Kernel } from "./kernel.ts";
import { instance } from "./client.ts";

const channel = new MessageChannel();
Comlink.expose(
  {
    build: (options: { workdirName?: string }) => {
      const kernel = new Kernel(`/home/${options.workdirName ?? "project"}`);
      return Comlink.proxy(instance(kernel));
    },
  },
  channel.port1,
);
window.parent.postMessage({ type: "init" }, "*", [channel.port2]);
