/** The shape of what answers calls. */

import type { Calls } from "../../contract.ts";
import type { Task } from "../processes/task.ts";

/** Answers to calls by name: at once or later, by value or by throwing `Failure`. */
export type Handlers<Names extends keyof Calls = keyof Calls> = {
  readonly [Name in Names]: (task: Task, ...args: Parameters<Calls[Name]>) => ReturnType<Calls[Name]> | Promise<ReturnType<Calls[Name]>>;
};

/** The calls whose names begin with a word. */
export type Named<Word extends string> = Extract<keyof Calls, `${Word}.${string}`>;
