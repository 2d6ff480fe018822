/** Open files: what descriptors stand for. */

import { Refused } from "./errors.ts";
import { Device, FileNode, type Folder, type Node } from "./nodes.ts";
import { notify } from "./watch.ts";

/** Bits of the flags of `open`, as Linux numbers them. */
export const O = { ACCESS: 3, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000 } as const;

const WORDS: Readonly<Record<string, number>> = {
  r: 0,
  rs: 0o4010000,
  "r+": O.RDWR,
  "rs+": O.RDWR | 0o4010000,
  w: O.WRONLY | O.CREAT | O.TRUNC,
  "w+": O.RDWR | O.CREAT | O.TRUNC,
  a: O.WRONLY | O.CREAT | O.APPEND,
  "a+": O.RDWR | O.CREAT | O.APPEND,
  as: O.WRONLY | O.CREAT | O.APPEND | 0o4010000,
  "as+": O.RDWR | O.CREAT | O.APPEND | 0o4010000,
};

/** Flags as a number, from Node's words for them: "r", "w+", "ax", "xw", … */
export function flagBits(flags: string | number): number {
  if (typeof flags === "number") return flags;
  const exclusive = flags.includes("x");
  const bits = WORDS[flags.replace("x", "").replace("sr", "rs").replace("sa", "as")];
  if (bits === undefined) throw new Refused("EINVAL");
  return exclusive ? bits | O.EXCL : bits;
}

/** How much a file system holds, and may. */
export class Space {
  used = 0;

  constructor(readonly limit: number) {}

  /** Account for more bytes, or fewer. @throws Refused ENOSPC */
  change(bytes: number): void {
    if (bytes > 0 && this.used + bytes > this.limit) throw new Refused("ENOSPC");
    this.used += bytes;
  }
}

/** Change a file's length; new bytes are zero. @throws Refused ENOSPC */
export function resize(node: FileNode, size: number, space: Space): void {
  space.change(size - node.size);
  if (size > node.data.length) {
    // Room for as much again makes appending in small pieces cheap.
    const larger = new Uint8Array(node.size === 0 ? size : Math.max(size, node.size + Math.min(node.size, 1 << 24)));
    larger.set(node.data.subarray(0, node.size));
    node.data = larger;
  } else if (size > node.size) node.data.fill(0, node.size, size);
  node.size = size;
}

/** An open file, shared by all descriptors that were inherited or duplicated from one. */
export class Opened {
  private position = 0;
  private holders = 1;

  constructor(
    readonly node: Node,
    readonly flags: number,
    private readonly place: { readonly parent: Folder; readonly name: string },
    private readonly space: Space,
  ) {
    if (node instanceof FileNode) node.opens += 1;
  }

  /** One more descriptor is on it. */
  hold(): this {
    this.holders += 1;
    return this;
  }

  /** One descriptor fewer. */
  close(): void {
    this.holders -= 1;
    if (this.holders > 0 || !(this.node instanceof FileNode)) return;
    this.node.opens -= 1;
    if (this.node.nlink === 0 && this.node.opens === 0) this.space.change(-this.node.size);
  }

  /** A view of at most `length` bytes. @throws Refused EBADF, EISDIR */
  read(length: number, position: number | null): Uint8Array {
    const { node } = this;
    if ((this.flags & O.ACCESS) === O.WRONLY) throw new Refused("EBADF");
    if (node instanceof Device) return node.read(length);
    if (!(node instanceof FileNode)) throw new Refused("EISDIR");
    const from = Math.min(position ?? this.position, node.size);
    const bytes = node.data.subarray(from, Math.min(from + length, node.size));
    if (position === null) this.position = from + bytes.length;
    node.atimeMs = Date.now();
    return bytes;
  }

  /** Bytes written: all. @throws Refused EBADF, EISDIR, ENOSPC */
  write(data: Uint8Array, position: number | null): number {
    const { node } = this;
    if ((this.flags & O.ACCESS) === 0) throw new Refused("EBADF");
    if (node instanceof Device) return node.write(data);
    if (!(node instanceof FileNode)) throw new Refused("EISDIR");
    const at = (this.flags & O.APPEND) !== 0 ? node.size : (position ?? this.position);
    if (at + data.length > node.size) resize(node, at + data.length, this.space);
    node.data.set(data, at);
    if (position === null || (this.flags & O.APPEND) !== 0) this.position = at + data.length;
    this.changed();
    return data.length;
  }

  /** @throws Refused EINVAL when it is not a file open for writing, ENOSPC */
  truncate(length: number): void {
    if (!(this.node instanceof FileNode) || (this.flags & O.ACCESS) === 0 || length < 0) throw new Refused("EINVAL");
    resize(this.node, length, this.space);
    this.changed();
  }

  /** Tell that contents or metadata have changed. */
  changed(): void {
    this.node.touch();
    notify(this.place.parent, this.place.name, this.node, "change");
  }
}
