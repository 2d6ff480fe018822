/** Bytes on their way between the page and the runner. */
import { decode } from "@msgpack/msgpack";

const PIECE = 0x8000;
const OPEN_BRACE = 0x7b;

/** Bytes as base64 text: what a debugger's protocol can carry. */
export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  }
  return btoa(pieces.join(""));
}

/** The bytes of base64 text. Throws a DOMException for text that is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** How many files and links a snapshot holds: msgpack or JSON of `{d: {name: {d} | {f}}}`. Throws for anything else. */
export function countFiles(snapshot: Uint8Array): number {
  const tree: unknown =
    snapshot[0] === OPEN_BRACE ? JSON.parse(new TextDecoder().decode(snapshot)) : decode(snapshot);
  let files = 0;
  const folders: unknown[] = [tree];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      if ("f" in entry) files += 1;
      else folders.push(entry);
    }
  }
  return files;
}

function entriesOf(folder: unknown): object[] {
  if (typeof folder !== "object" || folder === null || !("d" in folder)) throw new TypeError("this is no tree of files");
  const { d } = folder;
  if (typeof d !== "object" || d === null) throw new TypeError("this is no tree of files");
  return Object.values(d).filter((entry): entry is object => typeof entry === "object" && entry !== null);
}
