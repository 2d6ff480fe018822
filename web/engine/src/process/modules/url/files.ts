/** Paths and `file:` URLs. */

import { invalidArgType, invalidArgValue, nodeError } from "../errors.ts";
import { posix } from "../path.ts";
import { validateString } from "../validate.ts";

/** The path of a `file:` URL. */
export function fileURLToPath(value: unknown): string {
  const url = typeof value === "string" ? new URL(value) : value;
  if (!(url instanceof URL)) throw invalidArgType("path", ["string", "URL"], value);
  if (url.protocol !== "file:") throw nodeError(TypeError, "ERR_INVALID_URL_SCHEME", "The URL must be of scheme file");
  if (url.hostname !== "" && url.hostname !== "localhost") throw nodeError(TypeError, "ERR_INVALID_FILE_URL_HOST", 'File URL host must be "localhost" or empty on linux');
  if (/%2f/i.test(url.pathname)) throw nodeError(TypeError, "ERR_INVALID_FILE_URL_PATH", "File URL path must not include encoded / characters");
  return decodeURIComponent(url.pathname);
}

const ESCAPED: Readonly<Record<string, string>> = { "%": "%25", "\\": "%5C", "\n": "%0A", "\r": "%0D", "\t": "%09", "?": "%3F", "#": "%23" };

/** The `file:` URL of a path, which is made absolute first. */
export function pathToFileURL(path: unknown): URL {
  validateString(path, "path");
  if (path.includes("\0")) throw invalidArgValue("path", path);
  const full = posix.resolve(path);
  const kept = path.endsWith("/") && !full.endsWith("/") ? `${full}/` : full;
  const url = new URL("file://");
  url.pathname = kept.replace(/[%\\\n\r\t?#]/g, (char) => ESCAPED[char] ?? char);
  return url;
}
