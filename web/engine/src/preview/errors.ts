/**
 * In every page of a preview, before its own scripts, where the client has asked for `forwardPreviewErrors`: tells the
 * engine of errors that nobody caught and, unless only exceptions are wanted, of calls of `console.error`.
 *
 * The messages are the client's `PreviewMessage`, but for the port, which the server adds.
 */

type Told =
  | { readonly type: "PREVIEW_UNCAUGHT_EXCEPTION" | "PREVIEW_UNHANDLED_REJECTION"; readonly message: string; readonly stack: string | undefined }
  | { readonly type: "PREVIEW_CONSOLE_ERROR"; readonly args: readonly unknown[]; readonly stack: string };

const previewId = crypto.randomUUID();
// As they were before the page's own scripts.
const send = fetch.bind(globalThis);
const write = JSON.stringify;
const everything = document.currentScript?.dataset["errors"] === "all";

function tell(told: Told): void {
  const { pathname, search, hash } = location;
  const body = write({ ...told, previewId, pathname, search, hash });
  // What cannot be told is lost: the page must not hear of it, or it would be told again.
  send("/__runner/preview-message", { method: "POST", body, keepalive: body.length < 60_000 }).catch(() => undefined);
}

/** A value as JSON has it; what JSON has not, in words. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? String(value);
  try {
    const text: unknown = write(value); // undefined for functions and symbols, whatever its type says
    return text === undefined ? String(value) : value;
  } catch {
    return String(value);
  }
}

function describe(thrown: unknown): { message: string; stack: string | undefined } {
  if (thrown instanceof Error) return { message: thrown.message, stack: thrown.stack };
  return { message: String(thrown), stack: undefined };
}

window.addEventListener("error", (event) => {
  // Elements that do not load have events of this name, too, which are no exceptions.
  if (event.target !== window) return;
  const { message, stack } = describe(event.error);
  tell({ type: "PREVIEW_UNCAUGHT_EXCEPTION", message: event.error instanceof Error ? message : event.message, stack });
});
window.addEventListener("unhandledrejection", (event) => tell({ type: "PREVIEW_UNHANDLED_REJECTION", ...describe(event.reason) }));

if (everything) {
  const genuine = console.error;
  console.error = function error(...args: unknown[]): void {
    genuine.apply(console, args);
    const stack = (new Error().stack ?? "").split("\n").filter((_, at) => at !== 1).join("\n");
    tell({ type: "PREVIEW_CONSOLE_ERROR", args: args.map(plain), stack });
  };
}
