/** Work that Node gives to its pool of threads: done here in a later turn of the loop, with the callback as that turn. */

import { bound } from "../async/context.ts";
import { setImmediate } from "../timers.ts";
import type { Callback } from "./validate.ts";

/** Do it later and call back with what it gives or throws. What the callback throws is its own turn's affair. */
export function runLater(work: () => unknown, callback: Callback): void {
  const back = bound(callback);
  setImmediate(() => {
    let value: unknown;
    try {
      value = work();
    } catch (error) {
      back(error);
      return;
    }
    back(null, value);
  });
}
