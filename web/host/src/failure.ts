/** Why something could not be done: one class, a code that programs read, a sentence that people read. */

/** What went wrong, by kind. */
export type HostCode =
  /** The page is not cross-origin isolated: no SharedArrayBuffer, so no engine. */
  | "not-isolated"
  /** The browser gives this page no service workers, which previews need. */
  | "no-service-worker"
  /** The engine said nothing within the time that it was given. */
  | "boot-timeout"
  /** Nothing answers at the engine's address, or the browser blocked the answer. */
  | "engine-unreachable"
  /** The engine answered that it does not serve this page. */
  | "engine-refused"
  /** The container was torn down, or its engine died. */
  | "gone"
  /** A file could not be used as asked; `errno` says why. */
  | "fs"
  /** A process could not be started, or there is none of that name. */
  | "spawn"
  /** Files could not be fetched, or the engine did not take them. */
  | "mount"
  /** Files could not be read out of the container, or nobody took them. */
  | "export"
  /** The page was called in a way that makes no sense, or has a bug. */
  | "internal";

const MARK = "HostError ";
const ERRNO = /^(?:Error: )?(E[A-Z0-9]{2,})\b/;

/** An error of the host page. Its message carries all of it as JSON, since a debugger's protocol keeps only messages. */
export class HostError extends Error {
  override readonly name = "HostError";

  /**
   * @param code what went wrong
   * @param reason the same as a sentence, for people
   * @param errno for files: the system's word for it, such as `ENOENT`
   */
  constructor(
    readonly code: HostCode,
    readonly reason: string,
    readonly errno?: string,
  ) {
    super(MARK + JSON.stringify({ name: "HostError", code, message: reason, ...(errno === undefined ? {} : { errno }) }));
  }
}

/** What anything thrown says about itself. */
export function sentence(thrown: unknown): string {
  if (thrown instanceof HostError) return thrown.reason;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Anything thrown as an error of the host page; an error that already is one stays as it is. */
export function asHostError(thrown: unknown, code: HostCode): HostError {
  if (thrown instanceof HostError) return thrown;
  const reason = sentence(thrown);
  // Comlink hands on only the message, name and stack of an error: Node's messages begin with the system's word.
  const errno = ERRNO.exec(reason)?.[1];
  return new HostError(code, reason, code === "fs" ? (errno ?? "EIO") : errno);
}
