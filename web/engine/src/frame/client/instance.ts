/** What the genuine client calls on a container. */

import { proxy, transfer } from "comlink";
import { EVENTS, type EventName, type Listener } from "../hearing.ts";
import type { Kernel } from "../kernel.ts";
import type { PreviewSettings, ScriptOptions } from "../preview-settings.ts";
import { failure } from "../files/errors.ts";
import { DEFAULT_PATH } from "../processes/lookup.ts";
import { describe, load } from "./described.ts";
import { fileApi, scoped } from "./files.ts";
import { chooser } from "./globs.ts";
import type { Sink } from "./output.ts";
import { run, type RunRequest } from "./run.ts";
import { estimate, grow, leaf, select, writeTree } from "./tree.ts";
import { writeZip } from "./zip.ts";

/** Options of the client's `export`. */
interface SerializeOptions {
  readonly format?: "json" | "binary" | "zip" | "described";
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
}

const unsupported = (what: string): Error => new Error(`${what} is not supported by the local WebContainer engine`);

/** The object behind the client's proxy; `ended` is called after a teardown. */
export function instance(kernel: Kernel, previews: PreviewSettings, ended: () => void): object {
  const { volume, home, hearing } = kernel;
  return {
    runtimeInfo: () => ({ path: DEFAULT_PATH, cwd: home }),
    fs: () => proxy(fileApi(volume, home)),
    // The hosted engine's own scripts ask for it; the client only passes it on.
    previewScript: () => null,
    setPreviewScript: (text: string, options?: ScriptOptions) => previews.setScript(text, options),
    // The client calls it for people who are logged in at the vendor's; packages of theirs are served there alone.
    setCredentials: () => {
      throw unsupported("setCredentials");
    },
    on: (name: string, listener: Listener) => {
      if (!(EVENTS as readonly string[]).includes(name)) throw unsupported(`the event ${name}`);
      return proxy(hearing.on(name as EventName, listener));
    },
    loadFiles: (data: Uint8Array, options?: { mountPoints?: string }) => load(volume, scoped(home, options?.mountPoints ?? ""), data),
    serialize: async (path: string, options: SerializeOptions = {}) => {
      const data = await serialize(kernel, scoped(home, path), options);
      return transfer(data, [data.buffer]) as Uint8Array;
    },
    run: (request: RunRequest, _stdout?: Sink, _stderr?: Sink, output?: Sink) => proxy(run(kernel, request, output)),
    teardown: () => {
      kernel.close();
      ended();
    },
  };
}

async function serialize(kernel: Kernel, path: string, { format = "json", includes, excludes }: SerializeOptions): Promise<Uint8Array> {
  const { volume } = kernel;
  if (format === "described") return describe(volume, path);
  const node = volume.nodeAt(path);
  if (node === undefined) throw failure("ENOENT", "export", path);
  if (node.kind !== 2) return serializeFile(path, node, format);
  const members = select(volume, path, { excluded: chooser(excludes), included: chooser(includes) });
  return format === "zip" ? await writeZip(members) : writeTree(grow(members, format === "json"), format, estimate(members));
}

async function serializeFile(path: string, node: Parameters<typeof leaf>[0], format: "json" | "binary" | "zip"): Promise<Uint8Array> {
  if (format === "zip") return writeZip([{ path: path.slice(path.lastIndexOf("/") + 1), node }]);
  const entry = leaf(node, format === "json");
  if (entry === null) throw failure("EINVAL", "export", path);
  return writeTree(entry, format, 0);
}
