/** `string_decoder`: text of bytes that come in parts. */

import { Buffer } from "./buffer.ts";
import { decode, knownEncoding, type Encoding } from "./buffer/encodings.ts";
import { invalidArgType } from "./errors.ts";

/** How many bytes at the end of a part begin a character of UTF-8 that is not complete. */
function incompleteUtf8(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte < 0xf5 && size > back ? back : 0;
  }
  return 0;
}

function incompleteUtf16(bytes: Uint8Array): number {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - 1] ?? 0;
  // A high surrogate waits for its other half.
  return bytes.length - odd >= 2 && high >= 0xd8 && high <= 0xdb ? odd + 2 : odd;
}

function incomplete(bytes: Uint8Array, encoding: Encoding): number {
  if (encoding === "utf8") return incompleteUtf8(bytes);
  if (encoding === "utf16le") return incompleteUtf16(bytes);
  return encoding === "base64" || encoding === "base64url" ? bytes.length % 3 : 0;
}

interface State {
  readonly coding: Encoding;
  held: Uint8Array;
}
const states = new WeakMap<object, State>();

/** How many bytes the character has of which some are held; 0 when none are. */
function total({ coding, held }: State): number {
  const [first = 0] = held;
  if (held.length === 0) return 0;
  if (coding === "utf8") return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (coding === "utf16le") return held.length > 1 ? 4 : 2;
  return 3;
}

interface Decoder {
  readonly encoding: string;
  write(part: unknown): string;
  end(part?: unknown): string;
  text(part: Uint8Array, offset: number): string;
}

/** Decodes parts without breaking characters. A function, as packages of old call it without `new`. */
export const StringDecoder = function StringDecoder(this: { encoding: string }, encoding?: unknown): void {
  const coding = knownEncoding(encoding);
  this.encoding = coding;
  states.set(this, { coding, held: new Uint8Array(0) });
} as unknown as new (encoding?: unknown) => Decoder;

const stateOf = (decoder: object): State => {
  const found = states.get(decoder);
  if (found === undefined) throw invalidArgType("this", "StringDecoder", decoder);
  return found;
};

Object.assign(StringDecoder.prototype, {
  write(this: object, part: unknown): string {
    if (typeof part === "string") return part;
    if (!ArrayBuffer.isView(part)) throw invalidArgType("buf", ["Buffer", "TypedArray", "DataView"], part);
    const state = stateOf(this);
    const bytes = Buffer.concat([state.held, new Uint8Array(part.buffer, part.byteOffset, part.byteLength)]);
    const rest = incomplete(bytes, state.coding);
    state.held = bytes.slice(bytes.length - rest);
    return decode(bytes.subarray(0, bytes.length - rest), state.coding);
  },
  end(this: Decoder, part?: unknown): string {
    const text = part === undefined ? "" : this.write(part);
    const state = stateOf(this);
    const held = state.held;
    state.held = new Uint8Array(0);
    // Half a unit of UTF-16 is dropped; what is incomplete in UTF-8 becomes the replacement character.
    return text + decode(state.coding === "utf16le" ? held.subarray(0, held.length & ~1) : held, state.coding);
  },
  text(this: Decoder, part: Uint8Array, offset: number): string {
    stateOf(this).held = new Uint8Array(0);
    return this.write(part.subarray(offset));
  },
});

Object.defineProperties(StringDecoder.prototype, {
  lastChar: {
    configurable: true, enumerable: true,
    get(this: object): Buffer {
      const bytes = Buffer.alloc(4);
      bytes.set(stateOf(this).held);
      return bytes;
    },
  },
  lastNeed: { configurable: true, enumerable: true, get(this: object): number { return total(stateOf(this)) - stateOf(this).held.length; } },
  lastTotal: { configurable: true, enumerable: true, get(this: object): number { return total(stateOf(this)); } },
});
