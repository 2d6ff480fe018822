/** Errors of files and processes, with the numbers and words that libuv has for them on Linux. */

import type { CallError } from "../../contract.ts";

const KNOWN = {
  EPERM: [1, "operation not permitted"],
  ENOENT: [2, "no such file or directory"],
  ESRCH: [3, "no such process"],
  EBADF: [9, "bad file descriptor"],
  EAGAIN: [11, "resource temporarily unavailable"],
  EACCES: [13, "permission denied"],
  EEXIST: [17, "file already exists"],
  EXDEV: [18, "cross-device link not permitted"],
  ENOTDIR: [20, "not a directory"],
  EISDIR: [21, "illegal operation on a directory"],
  EINVAL: [22, "invalid argument"],
  EMFILE: [24, "too many open files"],
  ENOSPC: [28, "no space left on device"],
  ESPIPE: [29, "invalid seek"],
  EPIPE: [32, "broken pipe"],
  ENAMETOOLONG: [36, "name too long"],
  ENOTEMPTY: [39, "directory not empty"],
  ELOOP: [40, "too many symbolic links encountered"],
  ENOTSUP: [95, "operation not supported on socket"],
  EADDRINUSE: [98, "address already in use"],
  ECONNREFUSED: [111, "connection refused"],
} as const satisfies Record<string, readonly [number, string]>;

/** The codes that the kernel's own errors have. */
export type Errno = keyof typeof KNOWN;

/** A refused operation whose name and paths are not known yet; whoever performs it makes a `Failure` of it. */
export class Refused extends Error {
  constructor(readonly code: Errno) {
    super(KNOWN[code][1]);
  }
}

/** A failed operation as Node reports it. */
export class Failure extends Error {
  readonly details: CallError;

  constructor(details: CallError) {
    super(details.message);
    this.details = details;
  }
}

/** `CODE: words, operation 'path' -> 'dest'`. */
export function failure(code: Errno, syscall: string, path?: string, dest?: string): Failure {
  const [errno, words] = KNOWN[code];
  const where = (path === undefined ? "" : ` '${path}'`) + (dest === undefined ? "" : ` -> '${dest}'`);
  return new Failure({
    code,
    errno: -errno,
    message: `${code}: ${words}, ${syscall}${where}`,
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  });
}

/** Do something, and name it in what it refuses. */
export function attempt<T>(syscall: string, path: string | undefined, dest: string | undefined, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof Refused) throw failure(error.code, syscall, path, dest);
    throw error;
  }
}

/** Any error as it travels to a process. */
export function asCallError(error: unknown): CallError {
  if (error instanceof Failure) return error.details;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "ERR_ENGINE", message: `the local WebContainer engine failed: ${message}` };
}
