/** What just-bash's gzip and tar take from `node:zlib`, by pako. */

import { Buffer } from "buffer/";
import { gzip, ungzip } from "pako";

/** Of zlib's constants, those that are asked for. */
export const constants = { Z_BEST_COMPRESSION: 9, Z_BEST_SPEED: 1, Z_DEFAULT_COMPRESSION: -1, Z_NO_COMPRESSION: 0 } as const;

/** Compress. */
export function gzipSync(data: Uint8Array, options: { level?: number } = {}): Buffer {
  return Buffer.from(gzip(data, { level: options.level ?? -1 }));
}

/** Expand. Throws Error when the data is no gzip. */
export function gunzipSync(data: Uint8Array): Buffer {
  return Buffer.from(ungzip(data));
}
