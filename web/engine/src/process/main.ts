/** The script of a process's Worker. */

import "./async/web-streams.ts";
import "./browser-classes.ts";
import type { ToProcess } from "../contract.ts";
import { attach, ready, receive } from "./calls.ts";
import { begin, turn } from "./loop.ts";
import { runNode } from "./node.ts";

globalThis.onmessage = (message: MessageEvent<ToProcess>) => {
  const word = message.data;
  if (word.kind !== "start") return receive(word, turn);
  attach(word.start.sync);
  begin(() => runNode(word.start));
};
ready();
