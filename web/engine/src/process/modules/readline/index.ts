/** `readline` and `readline/promises`. */

import { refusal } from "../errors.ts";
import { clearLine, clearScreenDown, cursorTo, moveCursor, Readline } from "./codes.ts";
import { createInterface, createPromisesInterface, Interface, PromisesInterface } from "./interface.ts";

/** Node's `Interface` may be called without `new`. */
function callable<T extends abstract new (...args: never[]) => object>(made: T): T {
  return new Proxy(made, { apply: (target, _self, args: never[]) => Reflect.construct(target, args) as object });
}

/** `readline/promises`. */
export const readlinePromises = { Interface: PromisesInterface, Readline, createInterface: createPromisesInterface };

/** `readline`. */
export const readline = {
  Interface: callable(Interface),
  clearLine,
  clearScreenDown,
  createInterface,
  cursorTo,
  emitKeypressEvents: refusal("readline.emitKeypressEvents"),
  moveCursor,
  promises: readlinePromises,
};
