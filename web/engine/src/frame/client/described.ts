/**
 * Trees that say modes and times too, which the client's own cannot: all that a snapshot of files holds, in one request.
 *
 * Each file, folder and link has `m`, its permissions, and `t`, when its contents changed, in whole seconds since 1970.
 * The client passes them on as it does every snapshot: as the format `described` of an export, and as a mount whose top
 * has `described: true`.
 */

import { encode } from "@msgpack/msgpack";
import { failure } from "../files/errors.ts";
import { FileNode, Folder, Link, type Node } from "../files/nodes.ts";
import type { Volume } from "../files/volume.ts";
import { checkName, parseTree, plant, type FolderTree } from "./tree.ts";

interface Told {
  readonly m: number;
  readonly t: number;
}

/** A file, or a link when it has `l`. */
interface DescribedFile extends Partial<Told> {
  readonly f: { readonly c?: string | Uint8Array; readonly l?: string };
}

/** A folder. One without `m` and `t` only leads to what is in it. */
interface DescribedFolder extends Partial<Told> {
  readonly d: Readonly<Record<string, DescribedFile | DescribedFolder>>;
}

/** A tree's top. */
interface DescribedTree extends FolderTree {
  readonly described: true;
}

const PERMISSIONS = 0o777;

function leads(entry: DescribedFile | DescribedFolder): entry is DescribedFolder {
  return "d" in entry && typeof (entry as Partial<DescribedFolder>).d === "object";
}

/** Read a tree of either kind and put it into a folder. @throws what `plant` and `plantDescribed` do, Error when it is none */
export function load(volume: Volume, path: string, data: Uint8Array): void {
  const tree = parseTree(data);
  if (isDescribed(tree)) plantDescribed(volume, path, tree);
  else plant(volume, path, tree);
}

function isDescribed(tree: FolderTree): tree is DescribedTree {
  return "described" in tree && tree.described === true;
}

/** All below a folder as bytes in msgpack. Devices are left out. @throws Failure ENOENT, ENOTDIR */
export function describe(volume: Volume, path: string): Uint8Array<ArrayBuffer> {
  const folder = volume.nodeAt(path);
  if (folder === undefined) throw failure("ENOENT", "export", path);
  if (!(folder instanceof Folder)) throw failure("ENOTDIR", "export", path);
  return encode(told(folder), { initialBufferSize: sizeOf(folder) });
}

function told(folder: Folder): DescribedFolder {
  const d: Record<string, DescribedFile | DescribedFolder> = {};
  for (const [name, node] of folder.children) {
    if (node instanceof Folder) d[name] = told(node);
    else if (node instanceof Link) d[name] = { f: { l: node.target }, ...about(node) };
    else if (node instanceof FileNode) d[name] = { f: { c: node.data.subarray(0, node.size) }, ...about(node) };
  }
  return { d, ...about(folder) };
}

function about(node: Node): Told {
  return { m: node.mode & PERMISSIONS, t: Math.max(0, Math.floor(node.mtimeMs / 1000)) };
}

/** About how many bytes a folder's tree has: knowing that spares copies. */
function sizeOf(folder: Folder): number {
  let size = 64;
  for (const [name, node] of folder.children) {
    size += 3 * name.length + 48;
    if (node instanceof Folder) size += sizeOf(node);
    else if (node instanceof FileNode) size += node.size;
  }
  return size;
}

/**
 * Put such a tree into a folder, with its modes and times. Links that stand where something of it goes are replaced,
 * never followed. Nothing is changed when something cannot be put there.
 * @throws Failure EEXIST where a folder stands in the way of a file or a file in that of a folder, ENOENT, ENOTDIR, ENOSPC
 */
function plantDescribed(volume: Volume, path: string, tree: DescribedTree): void {
  const folder = volume.nodeAt(path);
  if (folder === undefined) throw failure("ENOENT", "mount", path);
  if (!(folder instanceof Folder)) throw failure("ENOTDIR", "mount", path);
  check(folder, tree, path);
  put(volume, folder, tree);
}

function check(folder: Folder, tree: DescribedFolder, path: string): void {
  for (const [name, entry] of Object.entries(tree.d)) {
    checkName(name, path);
    const below = `${path}/${name}`;
    const there = folder.children.get(name);
    if (!leads(entry)) {
      if (typeof (entry as Partial<DescribedFile>).f !== "object") throw new Error(`${below} is neither a file {f: {…}} nor a folder {d: {…}}`);
      if (there instanceof Folder) throw failure("EEXIST", "mount", below);
    } else if (there instanceof FileNode) throw failure("EEXIST", "mount", below);
    else check(there instanceof Folder ? there : NOTHING, entry, below);
  }
}

const NOTHING = new Folder(0o755, null, "");

function put(volume: Volume, folder: Folder, tree: DescribedFolder): void {
  for (const [name, entry] of Object.entries(tree.d)) {
    if (leads(entry)) {
      const below = folderAt(volume, folder, name);
      put(volume, below, entry);
      settle(below, entry);
    } else putFile(volume, folder, name, entry);
  }
}

function folderAt(volume: Volume, folder: Folder, name: string): Folder {
  const there = folder.children.get(name);
  if (there instanceof Folder) return there;
  if (there !== undefined) volume.unlink(`${folder.path()}/${name}`);
  const fresh = new Folder(0o755, folder, name);
  volume.attach(folder, name, fresh);
  return fresh;
}

function putFile(volume: Volume, folder: Folder, name: string, entry: DescribedFile): void {
  const { c = "", l } = entry.f;
  if (l === undefined) volume.store(folder, name, typeof c === "string" ? new TextEncoder().encode(c) : c, entry.m ?? 0o644);
  else {
    if (folder.children.has(name)) volume.unlink(`${folder.path()}/${name}`);
    volume.attach(folder, name, new Link(l));
  }
  const node = folder.children.get(name);
  if (node !== undefined) settle(node, entry);
}

/** Last of all, since what is put into a folder changes its time. */
function settle(node: Node, { m, t }: Partial<Told>): void {
  if (m !== undefined && !(node instanceof Link)) node.mode = (node.mode & ~0o7777) | (m & PERMISSIONS);
  if (t !== undefined) node.atimeMs = node.mtimeMs = t * 1000;
}
