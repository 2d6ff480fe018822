/** The file system of a container: operations on paths, with Linux's rules and Node's errors. */

import type { Entry, Stat } from "../../contract.ts";
import { attempt, Failure, failure, Refused } from "./errors.ts";
import { FileNode, Folder, Link, statOf, walk, type Device, type Node, type Place } from "./nodes.ts";
import { flagBits, O, Opened, resize, Space } from "./opened.ts";
import { notify, watcher, type WatchEvent } from "./watch.ts";

/** Bytes that all files together may have when nothing else is said: well below what a browser gives one page. */
export const DEFAULT_LIMIT = 1024 * 1024 * 1024;

/** Files in memory. All methods take absolute paths and throw `Failure`. */
export class Volume {
  readonly root = new Folder(0o755, null, "");
  readonly space: Space;

  constructor(limit: number = DEFAULT_LIMIT) {
    this.space = new Space(limit);
  }

  /** What is at a path, after following links when `follow`. */
  private existing(path: string, follow = true): Place & { readonly node: Node } {
    const place = walk(this.root, path, follow);
    if (place.node === undefined) throw new Refused("ENOENT");
    return place as Place & { readonly node: Node };
  }

  /** Give a node a name. */
  attach(parent: Folder, name: string, node: Node): void {
    parent.children.set(name, node);
    if (node instanceof Folder) parent.nlink += 1;
    parent.touch();
    notify(parent, name, node, "rename");
  }

  /** Put a whole file into a directory, in place of one that is there. The bytes become the file's own. @throws Failure ENOSPC */
  store(parent: Folder, name: string, data: Uint8Array, mode: number): void {
    attempt("write", undefined, undefined, () => {
      const old = parent.children.get(name);
      this.space.change(data.length - (old instanceof FileNode ? old.size : 0));
      if (old instanceof FileNode) {
        Object.assign(old, { data, size: data.length, mode: (old.mode & ~0o7777) | mode });
        old.touch();
        notify(parent, name, old, "change");
      } else {
        if (old !== undefined) this.detach({ parent, name, node: old }, old);
        this.attach(parent, name, new FileNode(mode, data));
      }
    });
  }

  private detach({ parent, name }: Place, node: Node): void {
    parent.children.delete(name);
    parent.touch();
    node.nlink -= node instanceof Folder ? 2 : 1;
    if (node instanceof Folder) parent.nlink -= 1;
    if (node instanceof FileNode && node.nlink === 0 && node.opens === 0) this.space.change(-node.size);
    notify(parent, name, node, "rename");
  }

  /** A file, made or emptied as the flags say. */
  open(path: string, flags: string | number, mode: number): Opened {
    return attempt("open", path, undefined, () => {
      const bits = flagBits(flags);
      const follow = (bits & O.NOFOLLOW) === 0 && (bits & (O.CREAT | O.EXCL)) !== (O.CREAT | O.EXCL);
      const place = walk(this.root, path, follow);
      const { parent, name } = place;
      const node = place.node ?? this.create(place, path, bits, mode);
      if (place.node !== undefined) this.checkOpen(node, bits);
      if ((bits & O.TRUNC) !== 0 && node instanceof FileNode && node.size > 0) {
        resize(node, 0, this.space);
        node.touch();
        notify(parent, name, node, "change");
      }
      return new Opened(node, bits, { parent, name }, this.space);
    });
  }

  private create({ parent, name }: Place, path: string, bits: number, mode: number): FileNode {
    if ((bits & O.CREAT) === 0) throw new Refused("ENOENT");
    if (path.endsWith("/")) throw new Refused("EISDIR");
    const node = new FileNode(mode, new Uint8Array(0));
    this.attach(parent, name, node);
    return node;
  }

  private checkOpen(node: Node, bits: number): void {
    if ((bits & O.CREAT) !== 0 && (bits & O.EXCL) !== 0) throw new Refused("EEXIST");
    if (node instanceof Link) throw new Refused("ELOOP");
    if (node instanceof Folder && (bits & (O.ACCESS | O.CREAT)) !== 0) throw new Refused("EISDIR");
    if (!(node instanceof Folder) && (bits & O.DIRECTORY) !== 0) throw new Refused("ENOTDIR");
  }

  /** A whole file: a view, not a copy. */
  readFile(path: string): Uint8Array {
    const opened = this.open(path, 0, 0);
    try {
      return attempt("read", undefined, undefined, () => opened.read(Number.MAX_SAFE_INTEGER, null));
    } finally {
      opened.close();
    }
  }

  /** Write a whole file; the bytes become the file's own. */
  writeFile(path: string, data: Uint8Array, flags: string | number = "w", mode = 0o666): void {
    const opened = this.open(path, flags, mode);
    try {
      attempt("write", undefined, undefined, () => {
        if (data.length > 0) opened.write(data, null);
      });
    } finally {
      opened.close();
    }
  }

  stat(path: string): Stat {
    return attempt("stat", path, undefined, () => statOf(this.existing(path).node));
  }

  lstat(path: string): Stat {
    return attempt("lstat", path, undefined, () => statOf(this.existing(path, false).node));
  }

  /** The kind of what is at a path after following links; 0 where nothing is. */
  kindOf(path: string): Entry["kind"] | 0 {
    return this.nodeAt(path)?.kind ?? 0;
  }

  /** What is at a path after following links. */
  nodeAt(path: string): Node | undefined {
    try {
      return walk(this.root, path, true).node;
    } catch (error) {
      if (error instanceof Refused) return undefined;
      throw error;
    }
  }

  /** Entries sorted by name, as far as one may rely on an order at all. */
  readdir(path: string): Entry[] {
    return attempt("scandir", path, undefined, () => {
      const { node } = this.existing(path);
      if (!(node instanceof Folder)) throw new Refused("ENOTDIR");
      return [...node.children].map(([name, child]): Entry => ({ name, kind: child.kind })).sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  /** Make a directory; with `recursive` also those above it. The answer is the first one made, null for none. */
  mkdir(path: string, recursive = false, mode = 0o777): string | null {
    return attempt("mkdir", path, undefined, () => {
      if (recursive) return this.mkdirs(path, mode);
      const { parent, name, node } = walk(this.root, path, false);
      if (node !== undefined) throw new Refused("EEXIST");
      this.attach(parent, name, new Folder(mode, parent, name));
      return null;
    });
  }

  private mkdirs(path: string, mode: number): string | null {
    let first: string | null = null;
    let at = "";
    const names = path.split("/").filter((part) => part !== "");
    for (const [index, name] of names.entries()) {
      at += `/${name}`;
      const place = walk(this.root, at, true);
      if (place.node === undefined) {
        this.attach(place.parent, place.name, new Folder(mode, place.parent, place.name));
        first ??= at;
      } else if (!(place.node instanceof Folder)) throw new Refused(index === names.length - 1 ? "EEXIST" : "ENOTDIR");
    }
    return first;
  }

  rmdir(path: string): void {
    attempt("rmdir", path, undefined, () => {
      const place = this.existing(path.replace(/(?<=[^/])\/+$/, ""), false);
      if (!(place.node instanceof Folder)) throw new Refused("ENOTDIR");
      if (/(^|\/)\.\/*$/.test(path)) throw new Refused("EINVAL");
      if (place.node.children.size > 0) throw new Refused("ENOTEMPTY");
      if (place.node === this.root) throw new Refused("EPERM");
      this.detach(place, place.node);
    });
  }

  unlink(path: string): void {
    attempt("unlink", path, undefined, () => {
      const place = this.existing(path, false);
      if (place.node instanceof Folder) throw new Refused("EISDIR");
      this.detach(place, place.node);
    });
  }

  /** As Node's `rm`: directories only with `recursive`, nothing is no error with `force`. */
  rm(path: string, recursive: boolean, force: boolean): void {
    let place: Place;
    try {
      place = attempt("lstat", path, undefined, () => this.existing(path.replace(/(?<=[^/])\/+$/, ""), false));
    } catch (error) {
      if (force && error instanceof Failure && error.details.code === "ENOENT") return;
      throw error;
    }
    const { node } = place;
    if (node instanceof Folder && !recursive) {
      const message = `Path is a directory: rm returned EISDIR (is a directory) ${path}`;
      throw new Failure({ code: "ERR_FS_EISDIR", message, errno: 21, syscall: "rm", path });
    }
    if (node === this.root) throw failure("EPERM", "rm", path);
    if (node !== undefined) this.remove(place, node);
  }

  private remove(place: Place, node: Node): void {
    if (node instanceof Folder) for (const [name, child] of [...node.children]) this.remove({ parent: node, name, node: child }, child);
    this.detach(place, node);
  }

  rename(from: string, to: string): void {
    attempt("rename", from, to, () => {
      const source = this.existing(from, false);
      // A folder may be named with a slash at the end before it is there.
      const bare = to.replace(/(?<=[^/])\/+$/, "");
      if (bare !== to && !(source.node instanceof Folder)) throw new Refused("ENOTDIR");
      const target = walk(this.root, bare, false);
      if (target.node === source.node) return;
      this.checkRename(source.node, target);
      if (target.node !== undefined) this.detach(target, target.node);
      source.parent.children.delete(source.name);
      source.parent.touch();
      notify(source.parent, source.name, source.node, "rename");
      if (source.node instanceof Folder) {
        source.parent.nlink -= 1;
        source.node.parent = target.parent;
        source.node.name = target.name;
      }
      this.attach(target.parent, target.name, source.node);
    });
  }

  private checkRename(node: Node, target: Place): void {
    if (node === this.root) throw new Refused("EPERM");
    const over = target.node;
    if (node instanceof Folder) {
      for (let at: Folder | null = target.parent; at !== null; at = at.parent) if (at === node) throw new Refused("EINVAL");
      if (over !== undefined && !(over instanceof Folder)) throw new Refused("ENOTDIR");
      if (over instanceof Folder && over.children.size > 0) throw new Refused("ENOTEMPTY");
    } else if (over instanceof Folder) throw new Refused("EISDIR");
  }

  /** A second name for a file. */
  link(from: string, to: string): void {
    attempt("link", from, to, () => {
      const { node } = this.existing(from, false);
      if (node instanceof Folder) throw new Refused("EPERM");
      const place = walk(this.root, to, false);
      if (place.node !== undefined) throw new Refused("EEXIST");
      node.nlink += 1;
      this.attach(place.parent, place.name, node);
    });
  }

  symlink(target: string, path: string): void {
    attempt("symlink", target, path, () => {
      if (target === "") throw new Refused("ENOENT");
      const place = walk(this.root, path, false);
      if (place.node !== undefined) throw new Refused("EEXIST");
      this.attach(place.parent, place.name, new Link(target));
    });
  }

  readlink(path: string): string {
    return attempt("readlink", path, undefined, () => {
      const { node } = this.existing(path, false);
      if (!(node instanceof Link)) throw new Refused("EINVAL");
      return node.target;
    });
  }

  realpath(path: string): string {
    return attempt("realpath", path, undefined, () => {
      const { parent, name, node } = this.existing(path);
      if (node instanceof Folder) return node.path();
      return parent.parent === null ? `/${name}` : `${parent.path()}/${name}`;
    });
  }

  chmod(path: string, mode: number): void {
    attempt("chmod", path, undefined, () => {
      const { parent, name, node } = this.existing(path);
      node.mode = (node.mode & ~0o7777) | (mode & 0o7777);
      node.ctimeMs = Date.now();
      notify(parent, name, node, "change");
    });
  }

  utimes(path: string, atimeMs: number, mtimeMs: number, follow: boolean): void {
    attempt(follow ? "utime" : "lutime", path, undefined, () => {
      const { parent, name, node } = this.existing(path, follow);
      Object.assign(node, { atimeMs, mtimeMs, ctimeMs: Date.now() });
      notify(parent, name, node, "change");
    });
  }

  /** Everything is root's: only the right to execute a file is ever refused. */
  access(path: string, mode: number): void {
    attempt("access", path, undefined, () => {
      const { node } = this.existing(path);
      if ((mode & 1) !== 0 && !(node instanceof Folder) && (node.mode & 0o111) === 0) throw new Refused("EACCES");
    });
  }

  /** `flags`: Node's COPYFILE_EXCL (1), COPYFILE_FICLONE (2), COPYFILE_FICLONE_FORCE (4, refused). */
  copyFile(from: string, to: string, flags: number): void {
    attempt("copyfile", from, to, () => {
      const { node } = this.existing(from);
      if ((flags & 4) !== 0) throw new Refused("ENOTSUP");
      if (node instanceof Folder) throw new Refused("EISDIR");
      const target = walk(this.root, to, true);
      if ((flags & 1) !== 0 && target.node !== undefined) throw new Refused("EEXIST");
      if (target.node instanceof Folder) throw new Refused("EISDIR");
      if (target.node === node) return;
      this.copyInto(node, target);
    });
  }

  private copyInto(node: FileNode | Device | Link, target: Place): void {
    if (!(node instanceof FileNode)) throw new Refused("EINVAL");
    const data = node.data.slice(0, node.size);
    this.store(target.parent, target.name, data, node.mode & 0o7777);
  }

  truncate(path: string, length: number): void {
    const opened = this.open(path, "r+", 0);
    try {
      attempt("ftruncate", undefined, undefined, () => opened.truncate(length));
    } finally {
      opened.close();
    }
  }

  /** Hear of changes until the returned function is called. */
  watch(path: string, recursive: boolean, tell: (event: WatchEvent, name: string) => void): () => void {
    return attempt("watch", path, undefined, () => {
      const { node } = this.existing(path);
      const one = watcher(recursive, tell);
      node.watchers ??= new Set();
      node.watchers.add(one);
      return () => {
        node.watchers?.delete(one);
        if (node.watchers?.size === 0) node.watchers = undefined;
      };
    });
  }
}
