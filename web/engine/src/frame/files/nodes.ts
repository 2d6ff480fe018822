/** What a file system is made of, and how a path leads through it. */

import type { Entry, Stat } from "../../contract.ts";
import { Refused } from "./errors.ts";
import type { Watcher } from "./watch.ts";

/** Type bits of a mode. */
export const TYPE = { MASK: 0o170000, FILE: 0o100000, FOLDER: 0o040000, LINK: 0o120000, CHARACTERS: 0o020000, PIPE: 0o010000 } as const;

/** Links that one look-up may follow, and letters that a name may have, as on Linux. */
const MAX_LINKS = 40;
const MAX_NAME = 255;

let lastIno = 1;

abstract class Base {
  readonly ino = ++lastIno;
  nlink = 1;
  atimeMs = Date.now();
  mtimeMs = this.atimeMs;
  ctimeMs = this.atimeMs;
  readonly birthtimeMs = this.atimeMs;
  watchers: Set<Watcher> | undefined;

  /** `mode`: permissions and type bits. */
  constructor(public mode: number) {}

  abstract readonly kind: Entry["kind"];

  /** Contents have changed now. */
  touch(): void {
    this.mtimeMs = this.ctimeMs = Date.now();
  }
}

/** A regular file. Its bytes are the first `size` of `data`. */
export class FileNode extends Base {
  readonly kind = 1;
  data: Uint8Array;
  size: number;
  /** How many open files are on it: an unlinked file lives until the last is closed. */
  opens = 0;

  /** `program`: what runs when this file is executed, if it is one of the engine's own. */
  constructor(
    mode: number,
    data: Uint8Array,
    readonly program?: string,
  ) {
    super(TYPE.FILE | (mode & 0o7777));
    this.data = data;
    this.size = data.length;
  }
}

/** A character device: every read and write goes to functions. */
export class Device extends Base {
  readonly kind = 1;

  constructor(
    readonly read: (length: number) => Uint8Array,
    readonly write: (data: Uint8Array) => number,
  ) {
    super(TYPE.CHARACTERS | 0o666);
  }
}

/** A directory, which knows its one name, as directories have no second. */
export class Folder extends Base {
  readonly kind = 2;
  readonly children = new Map<string, Node>();

  constructor(
    mode: number,
    public parent: Folder | null,
    public name: string,
  ) {
    super(TYPE.FOLDER | (mode & 0o7777));
    this.nlink = 2;
  }

  /** Its path from the root, without a slash at the end. */
  path(): string {
    const { parent } = this;
    if (parent === null) return "/";
    return parent.parent === null ? `/${this.name}` : `${parent.path()}/${this.name}`;
  }
}

/** A symbolic link. */
export class Link extends Base {
  readonly kind = 3;

  constructor(readonly target: string) {
    super(TYPE.LINK | 0o777);
  }
}

/** Anything that has a name. */
export type Node = FileNode | Device | Folder | Link;

/** Where a path leads: the directory and the name in it, and what is there if anything is. */
export interface Place {
  readonly parent: Folder;
  readonly name: string;
  readonly node: Node | undefined;
}

/** The bytes of a node as `stat` counts them. */
function sizeOf(node: Node): number {
  if (node instanceof FileNode) return node.size;
  if (node instanceof Link) return new TextEncoder().encode(node.target).length;
  return node instanceof Folder ? 4096 : 0;
}

/** Metadata of a node. Everything belongs to root, as whom everything runs. */
export function statOf(node: Node): Stat {
  const { ino, mode, nlink, atimeMs, mtimeMs, ctimeMs, birthtimeMs } = node;
  return { dev: 1, ino, mode, nlink, uid: 0, gid: 0, size: sizeOf(node), atimeMs, mtimeMs, ctimeMs, birthtimeMs };
}

/**
 * Follow a path from the root. All but its last name must exist and be directories, or links to such.
 * @throws Refused ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG
 */
export function walk(root: Folder, path: string, follow: boolean): Place {
  const mustBeFolder = path.endsWith("/");
  const names = partsOf(path).reverse();
  let folder = root;
  let links = 0;
  let place: Place = { parent: root, name: "", node: root };
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    place = step(folder, name);
    const { node } = place;
    if (node instanceof Link && (names.length > 0 || follow || mustBeFolder)) {
      if (++links > MAX_LINKS) throw new Refused("ELOOP");
      if (node.target.startsWith("/")) folder = root;
      names.push(...partsOf(node.target).reverse());
      if (names.length === 0) place = { parent: root, name: "", node: root };
    } else if (node instanceof Folder) folder = node;
    else if (names.length > 0) throw new Refused(node === undefined ? "ENOENT" : "ENOTDIR");
  }
  demandFolder(place, mustBeFolder);
  return place;
}

function partsOf(path: string): string[] {
  if (path === "") throw new Refused("ENOENT");
  return path.split("/").filter((part) => part !== "");
}

function demandFolder({ node }: Place, wanted: boolean): void {
  if (wanted && node !== undefined && !(node instanceof Folder)) throw new Refused("ENOTDIR");
}

function step(folder: Folder, name: string): Place {
  if (name === ".") return { parent: folder.parent ?? folder, name: folder.name, node: folder };
  if (name === "..") {
    const up = folder.parent ?? folder;
    return { parent: up.parent ?? up, name: up.name, node: up };
  }
  if (name.length > MAX_NAME) throw new Refused("ENAMETOOLONG");
  return { parent: folder, name, node: folder.children.get(name) };
}
