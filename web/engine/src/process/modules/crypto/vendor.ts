/** The kept package `crypto-browserify`, loaded when it is first used: it is large, and asks for `process` when it loads. */

import type * as Crypto from "crypto-browserify";

let loaded: typeof Crypto | undefined;

/** The package. The bundler turns `require` into a part of the bundle that runs when it is called. */
export function vendor<T extends object>(use?: (found: T) => void): T {
  loaded ??= require("crypto-browserify") as typeof Crypto;
  const found = loaded as unknown as T;
  use?.(found);
  return found;
}
