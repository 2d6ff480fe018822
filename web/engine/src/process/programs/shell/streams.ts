/** What the descriptors of a shell are connected to, and how bytes go there and come from there. */

import type { System } from "./system.ts";
import { ShellError } from "./state.ts";

/** Bytes that a pipe holds before who writes has to wait. */
const CAPACITY = 64 * 1024;

/** Nobody reads any more what is being written: a program gets SIGPIPE (exit code 141). */
export class BrokenPipe extends Error {}

/** A pipe within the shell: between stages, from a here-document, into a command substitution. */
export class Pipe {
  private chunks: Uint8Array[] = [];
  private size = 0;
  private writers = 0;
  private readers = 0;
  private waiting: (() => void)[] = [];

  /** One more holder of an end. */
  hold(end: "read" | "write"): void {
    if (end === "read") this.readers += 1;
    else this.writers += 1;
  }

  /** One holder less: the other end learns it. */
  release(end: "read" | "write"): void {
    if (end === "read") this.readers -= 1;
    else this.writers -= 1;
    this.wake();
  }

  /** Whether bytes lie here that nobody has read. */
  get filled(): boolean {
    return this.size > 0;
  }

  /** Whether nobody is left who could read. */
  get abandoned(): boolean {
    return this.readers === 0;
  }

  /** Put bytes in; waits while the pipe is full. Throws BrokenPipe. */
  async write(data: Uint8Array): Promise<void> {
    if (this.readers === 0) throw new BrokenPipe();
    this.chunks.push(data);
    this.size += data.length;
    this.wake();
    while (this.size > CAPACITY) {
      await this.changed();
      if (this.readers === 0) throw new BrokenPipe();
    }
  }

  /** The next bytes, null at the end. */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) {
        this.size -= chunk.length;
        this.wake();
        return chunk;
      }
      if (this.writers === 0) return null;
      await this.changed();
    }
  }

  /** Give back bytes that were read too many. */
  unread(data: Uint8Array): void {
    if (data.length === 0) return;
    this.chunks.unshift(data);
    this.size += data.length;
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Where a descriptor leads. */
export type Target =
  | { readonly kind: "inherited"; readonly fd: 0 | 1 | 2 }
  | { readonly kind: "file"; readonly fd: number; /** Where the shell itself reads on. */ at: number; holders: number }
  | { readonly kind: "pipe"; readonly pipe: Pipe; readonly end: "read" | "write" }
  | { readonly kind: "null" };

/** Write all bytes to where a descriptor leads. Throws ShellError when it is closed, BrokenPipe. */
export async function write(system: System, target: Target | undefined, data: Uint8Array): Promise<void> {
  if (data.length === 0) return;
  if (target === undefined || (target.kind === "pipe" && target.end === "read")) throw new ShellError("write error: Bad file descriptor");
  if (target.kind === "inherited") {
    if (target.fd === 0) throw new ShellError("write error: Bad file descriptor");
    system.output(target.fd, data);
  } else if (target.kind === "file") system.files("fs.write", target.fd, data, null);
  else if (target.kind === "pipe") await target.pipe.write(data);
}

/** The next bytes from where a descriptor leads, null at the end. Throws ShellError when it is closed. */
export async function read(system: System, target: Target | undefined): Promise<Uint8Array | null> {
  if (target === undefined || (target.kind === "pipe" && target.end === "write")) throw new ShellError("read error: 0: Bad file descriptor");
  if (target.kind === "null") return null;
  if (target.kind === "inherited") return system.stdin().read();
  if (target.kind === "pipe") return target.pipe.read();
  const data = system.files("fs.read", target.fd, 64 * 1024, target.at);
  target.at += data.length;
  return data.length === 0 ? null : data;
}

/** Everything up to the end. */
export async function readAll(system: System, target: Target | undefined): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let part = await read(system, target); part !== null; part = await read(system, target)) parts.push(part);
  return concat(parts);
}

/** Bytes up to and with the first `end` byte, null at the end of all; what was read beyond is given back. */
export async function readUntil(system: System, target: Target | undefined, end: number, limit = Infinity): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await read(system, target); part !== null; part = await read(system, target)) {
    const found = part.indexOf(end);
    const wanted = Math.min(found < 0 ? part.length : found + 1, limit - size);
    parts.push(part.subarray(0, wanted));
    size += wanted;
    giveBack(system, target, part.slice(wanted));
    if (found >= 0 && wanted === found + 1) break;
    if (size >= limit) break;
  }
  return parts.length === 0 ? null : concat(parts);
}

/** Give back bytes that were read too many. */
export function giveBack(system: System, target: Target | undefined, data: Uint8Array): void {
  if (target?.kind === "file") target.at -= data.length;
  else if (target?.kind === "pipe") target.pipe.unread(data);
  else if (target?.kind === "inherited") system.stdin().unread(data);
}

/** One run of bytes from many. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** One more descriptor leads here. */
export function hold(target: Target): void {
  if (target.kind === "pipe") target.pipe.hold(target.end);
  else if (target.kind === "file") target.holders += 1;
}

/** One descriptor less leads here: the last one closes it. */
export function release(system: System, target: Target): void {
  if (target.kind === "pipe") target.pipe.release(target.end);
  else if (target.kind === "file") {
    target.holders -= 1;
    if (target.holders === 0) system.files("fs.close", target.fd);
  }
}
