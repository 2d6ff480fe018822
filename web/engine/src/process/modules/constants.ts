/** `constants`: those of `os`, `fs` and `crypto` in one. */

import { constants as cryptoConstants } from "./crypto/constants.ts";
import { constants as files } from "./fs/constants.ts";
import { constants as system } from "./os/constants.ts";

// Only `crypto` has this one, which programs may change.
const ofCrypto = Object.fromEntries(Object.entries(cryptoConstants).filter(([name]) => name !== "defaultCipherList"));

/** The module. */
export const constants: Readonly<Record<string, unknown>> = Object.freeze({
  ...system.dlopen, ...system.errno, ...system.priority, ...system.signals, ...files, ...ofCrypto,
});
