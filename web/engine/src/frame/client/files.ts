/** The client's file API, whose paths are all below the work folder. */

import { proxy } from "comlink";
import type { Entry } from "../../contract.ts";
import type { Volume } from "../files/volume.ts";
import { decodeText, encodeText } from "./text.ts";

type Encoding = string | null | undefined;
/** Node's form of options: an encoding alone, or an object with it. */
type Options<More = object> = Encoding | ({ readonly encoding?: Encoding } & More);
type WithTypes = Options<{ readonly withFileTypes?: boolean }>;
type Recursive = Options<{ readonly recursive?: boolean }>;
type Changed = (event: string, name: string | Uint8Array) => unknown;

interface RemoteEntry {
  readonly name: string;
  readonly "Symbol(type)": Entry["kind"];
}

/** The path in the container of a path of the client's: nothing leads above the work folder. */
export function scoped(home: string, path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names.length === 0 ? home : `${home}/${names.join("/")}`;
}

function encodingOf(options: Options): string | null {
  return (typeof options === "object" ? options?.encoding : options) ?? null;
}

/** What `instance.fs()` gives the client. Errors have Node's words, with the path as the container sees it. */
export function fileApi(volume: Volume, home: string): object {
  const at = (path: string): string => scoped(home, path);
  return {
    readFile: (path: string, options?: Options) => {
      const data = volume.readFile(at(path));
      const encoding = encodingOf(options);
      return encoding === null ? data.slice() : decodeText(data, encoding);
    },
    writeFile: (path: string, data: string | Uint8Array, options?: Options) =>
      volume.writeFile(at(path), typeof data === "string" ? encodeText(data, encodingOf(options) ?? "utf8") : data, "w", 0o644),
    readdir: (path: string, options?: WithTypes) => listed(volume.readdir(at(path)), options),
    mkdir: (path: string, options?: { recursive?: boolean } | null) => {
      const first = volume.mkdir(at(path), options?.recursive ?? false, 0o755);
      return first ?? undefined;
    },
    rm: (path: string, options?: { recursive?: boolean; force?: boolean } | null) => volume.rm(at(path), options?.recursive ?? false, options?.force ?? false),
    rename: (from: string, to: string) => volume.rename(at(from), at(to)),
    watch: (path: string, options: Recursive, listener?: Changed) =>
      watched(volume, at(path), options, listener),
  };
}

function listed(entries: readonly Entry[], options: WithTypes): string[] | Uint8Array[] | RemoteEntry[] {
  if (typeof options === "object" && options?.withFileTypes === true) {
    return entries.map(({ name, kind }) => ({ name, "Symbol(type)": kind }));
  }
  const encoding = encodingOf(options);
  if (encoding === "buffer") return entries.map(({ name }) => new TextEncoder().encode(name));
  if (encoding === null) return entries.map(({ name }) => name);
  return entries.map(({ name }) => decodeText(new TextEncoder().encode(name), encoding));
}

function watched(volume: Volume, path: string, options: Recursive, listener: Changed | undefined): object {
  const recursive = typeof options === "object" && options?.recursive === true;
  const bytes = encodingOf(options) === "buffer";
  const close = volume.watch(path, recursive, (event, name) => {
    // A client that is gone hears nothing, and that is no error.
    void Promise.resolve(listener?.(event, bytes ? new TextEncoder().encode(name) : name)).catch(() => undefined);
  });
  return proxy({ close });
}
