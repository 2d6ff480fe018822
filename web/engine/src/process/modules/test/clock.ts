/** Time for tests: the process's own timers, so that a test's limit keeps the process alive no longer than the test. */

import { clearTimeout, setTimeout } from "../../timers.ts";

const now = performance.now.bind(performance);

export const loopTimer = {
  now,
  after: (body: () => void, ms: number): unknown => setTimeout(body, ms),
  cancel: (timer: unknown): void => clearTimeout(timer),
};
