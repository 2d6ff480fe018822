/** The script of a process's Worker. */

import type { ToProcess } from "../contract.ts";
import { attach, exit, ready, receive } from "./calls.ts";
import { arrange, turn } from "./loop.ts";
import { runNode } from "./node.ts";

self.onmessage = (message: MessageEvent<ToProcess>) => {
  const word = message.data;
  if (word.kind !== "start") return receive(word, turn);
  attach(word.start.sync);
  arrange(() => exit(0), (error) => {
    console.error(error);
    exit(1);
  });
  turn(() => runNode(word.start));
};
ready();
