/** Trees of files as the client sends and receives them, in JSON or msgpack. */

import { decode, encode } from "@msgpack/msgpack";
import { FileNode, Folder, Link, type Node } from "../files/nodes.ts";
import type { Volume } from "../files/volume.ts";
import { failure } from "../files/errors.ts";
import type { Chooser } from "./globs.ts";
import { fromLatin1, latin1 } from "./text.ts";

/** A file, or a link when it has `l`. `b`: the text stands for bytes, one a character. `x`: it may be executed. */
export interface FileTree {
  readonly f: { readonly c?: string | Uint8Array; readonly b?: boolean; readonly l?: string; readonly x?: boolean };
}

/** A folder. */
export interface FolderTree {
  readonly d: Readonly<Record<string, FileTree | FolderTree>>;
}

/** JSON begins so; a msgpack map never does. */
const BRACE = 0x7b;

/** Read a tree. @throws Error when it is none */
export function parseTree(data: Uint8Array): FolderTree {
  let tree: unknown;
  try {
    tree = data[0] === BRACE ? JSON.parse(new TextDecoder().decode(data)) : decode(data);
  } catch (error) {
    throw new Error(`what was mounted is neither JSON nor msgpack: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isFolder(tree)) throw new Error("what was mounted is no tree of files: its top must be a folder, {d: {…}}");
  return tree;
}

/** Whether something has the form of a folder at its top. */
export function isFolder(tree: unknown): tree is FolderTree {
  return typeof tree === "object" && tree !== null && "d" in tree && typeof tree.d === "object" && tree.d !== null;
}

/** Put a tree into a folder: files are replaced, folders filled. Scripts (`#!`) may be executed, as trees rarely say so. */
export function plant(volume: Volume, path: string, tree: FolderTree): void {
  const folder = volume.nodeAt(path);
  if (folder === undefined) throw failure("ENOENT", "mount", path);
  if (!(folder instanceof Folder)) throw failure("ENOTDIR", "mount", path);
  for (const [name, entry] of Object.entries(tree.d)) {
    checkName(name, path);
    const below = `${path}/${name}`;
    if (isFolder(entry)) {
      if (volume.kindOf(below) === 0) volume.attach(folder, name, new Folder(0o755, folder, name));
      plant(volume, below, entry);
    } else plantFile(volume, folder, below, name, entry);
  }
}

/** @throws Error unless a file in the folder `path` can have this name */
export function checkName(name: string, path: string): void {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
    throw new Error(`${JSON.stringify(name)} in ${path} is no name that a file can have`);
  }
}

function plantFile(volume: Volume, folder: Folder, path: string, name: string, entry: FileTree): void {
  if (typeof (entry as Partial<FileTree>).f !== "object") throw new Error(`${path} is neither a file {f: {…}} nor a folder {d: {…}}`);
  const { c = "", b, l, x } = entry.f;
  const old = folder.children.get(name);
  if (old instanceof Folder) throw failure("EISDIR", "mount", path);
  if (l !== undefined) {
    if (old !== undefined) volume.unlink(path);
    volume.attach(folder, name, new Link(l));
    return;
  }
  const data = typeof c !== "string" ? c : b === true ? fromLatin1(c) : new TextEncoder().encode(c);
  const script = data[0] === 0x23 && data[1] === 0x21;
  volume.store(folder, name, data, x === true || script ? 0o755 : 0o644);
}

/** What an export takes: all but what is excluded, and of that what is included. */
export interface Selection {
  readonly excluded: Chooser | null;
  readonly included: Chooser | null;
}

/** A file or link of an export with its path relative to the exported folder; a folder that would be empty without mention. */
export interface Member {
  readonly path: string;
  readonly node: Node;
}

/** All that an export takes, sorted by path as `readdir` sorts. */
export function select(volume: Volume, path: string, selection: Selection): Member[] {
  return below(volume, path, "", selection);
}

function below(volume: Volume, path: string, prefix: string, selection: Selection): Member[] {
  const folder = volume.nodeAt(path);
  if (!(folder instanceof Folder)) return [];
  return volume.readdir(path).flatMap(({ name }) => {
    const node = folder.children.get(name);
    const relative = prefix + name;
    const wanted = selection.excluded?.(relative) !== true || selection.included?.(relative) === true;
    if (!(node instanceof Folder)) return wanted && node !== undefined ? [{ path: relative, node }] : [];
    const inside = below(volume, `${path}/${name}`, `${relative}/`, selection);
    return inside.length > 0 || !wanted ? inside : [{ path: relative, node }];
  });
}

type Building = Record<string, FileTree | { d: Building }>;

/** Members as a tree. `text`: contents as strings for JSON, else as bytes. */
export function grow(members: readonly Member[], text: boolean): FolderTree {
  const root: Building = {};
  for (const { path, node } of members) {
    const names = path.split("/");
    let at = root;
    for (const name of names.slice(0, -1)) {
      const next = (at[name] ??= { d: {} });
      if ("d" in next) at = next.d;
    }
    const entry = leaf(node, text);
    if (entry !== null) at[names.at(-1) ?? ""] = entry;
  }
  return { d: root };
}

/** A node by itself as an entry of a tree; null for what no tree can hold. */
export function leaf(node: Node, text: boolean): FileTree | { d: Building } | null {
  if (node instanceof Folder) return { d: {} };
  if (node instanceof Link) return { f: { l: node.target } };
  if (!(node instanceof FileNode)) return null;
  const data = node.data.subarray(0, node.size);
  if (text) return { f: asText(data) };
  return { f: (node.mode & 0o111) === 0 ? { c: data } : { c: data, x: true } };
}

function asText(data: Uint8Array): { c: string; b?: true } {
  try {
    return { c: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) };
  } catch {
    return { c: latin1(data), b: true };
  }
}

/** A tree as bytes. `size`: about how many; knowing that spares copies. */
export function writeTree(tree: FolderTree | FileTree, format: "json" | "binary", size: number): Uint8Array<ArrayBuffer> {
  return format === "json" ? new TextEncoder().encode(JSON.stringify(tree)) : encode(tree, { initialBufferSize: Math.max(size, 64) });
}

/** About how many bytes a tree of these members has in msgpack: contents, names, and what is around them. */
export function estimate(members: readonly Member[]): number {
  return members.reduce((sum, { path, node }) => sum + path.length + 32 + (node instanceof FileNode ? node.size : 0), 64);
}
