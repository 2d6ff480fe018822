/** Modules run: after those that they ask for, once; those that await let the others go on. */

import type { ModuleRecord, Running } from "./record.ts";

function each(record: ModuleRecord, visit: (record: ModuleRecord) => void, seen = new Set<ModuleRecord>()): void {
  if (seen.has(record)) return;
  seen.add(record);
  for (const other of record.requested) each(other, visit, seen);
  visit(record);
}

/** Whether a module or one that it asks for awaits at its top level and has not run yet. */
export function awaitsBelow(record: ModuleRecord): boolean {
  let found = false;
  each(record, (other) => {
    if (other.analysis?.awaits === true && other.state !== "evaluated") found = true;
  });
  return found;
}

/**
 * Run a linked module and, before it, all that it asks for. What came of it before comes again: an error is thrown, a
 * promise returned.
 */
export function evaluate(record: ModuleRecord): Running {
  if (record.state === "failed") throw record.error;
  if (record.state === "evaluated") return undefined;
  // In a cycle the module that began it runs last.
  if (record.state === "evaluating") return record.promise === undefined || within.has(record) ? undefined : record.promise;
  record.state = "evaluating";
  within.add(record);
  try {
    const pending = below(record);
    const running = pending.length === 0 ? record.run() : Promise.all(pending).then(() => record.run());
    if (running === undefined) {
      record.state = "evaluated";
      return undefined;
    }
    record.promise = settled(record, running);
    return record.promise;
  } catch (error) {
    record.state = "failed";
    record.error = error;
    throw error;
  } finally {
    within.delete(record);
  }
}

/** Modules whose evaluation is under way on the stack now. */
const within = new Set<ModuleRecord>();

function below(record: ModuleRecord): Promise<void>[] {
  const pending: Promise<void>[] = [];
  for (const other of record.requested) {
    const running = evaluate(other);
    if (running !== undefined) pending.push(running);
  }
  return pending;
}

function settled(record: ModuleRecord, running: Promise<void>): Promise<void> {
  const done = running.then(
    () => {
      record.state = "evaluated";
    },
    (error: unknown) => {
      record.state = "failed";
      record.error = error;
      throw error;
    },
  );
  // Whoever asked for the module hears of it; the promise kept here must not count as unhandled.
  done.catch(() => undefined);
  return done;
}
