/** Which file of the program called the engine. */

import { placeOf } from "../stacks.ts";
import { pathOf } from "./resolve.ts";
import { runtimeFor, type Runtime } from "./runtime.ts";

const runtimes = new Map<string, Runtime>();

/** What the first file in the stack of now gives to its texts. */
export function runtimeOfCaller(): Runtime {
  const named = placeOf(new Error("who calls").stack)?.file ?? "/[function]";
  const file = named.startsWith("file:") ? pathOf(new URL(named)) : named;
  const runtime = runtimes.get(file) ?? runtimeFor(file);
  runtimes.set(file, runtime);
  return runtime;
}
