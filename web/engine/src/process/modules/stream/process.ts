/** What `readable-stream` asks of `process`: its ticks must be those of this process's loop. */

import { processNextTick } from "../../timers.ts";

export const nextTick: (callback: (...args: never[]) => void, ...args: unknown[]) => void = processNextTick;
export const env = {};
export default { nextTick, env };
