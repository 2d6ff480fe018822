/** Numbers of what runs: `executionAsyncId()` and what caused it. */

/** What runs now: its number, the number of what caused it, and the object that stands for it. */
export interface Execution {
  readonly id: number;
  readonly trigger: number;
  readonly resource: object;
}

/** The program's first turn is 1; what the engine itself does between is 0. */
const MAIN: Execution = { id: 1, trigger: 0, resource: {} };
const NONE: Execution = { id: 0, trigger: 0, resource: {} };

let last = 1;
let current = MAIN;

/** A number that was never used before. */
export function newAsyncId(): number {
  last += 1;
  return last;
}

/** What runs now. */
export function execution(): Execution {
  return current;
}

/** Nothing of the program's own runs: the first turn is over. */
export function leaveMain(): void {
  current = NONE;
}

/** Run as something. */
export function inExecution<T>(execution: Execution, body: () => T): T {
  const before = current;
  current = execution;
  try {
    return body();
  } finally {
    current = before;
  }
}
