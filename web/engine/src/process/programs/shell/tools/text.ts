/** Bytes as text and back without loss: what is no UTF-8 stands as a lone surrogate for each byte, as in `../raw.ts`. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes; `bytesOf` of `../raw.ts` is the way back. */
export function textOf(data: Uint8Array): string {
  try {
    return strict.decode(data);
  } catch {
    return piecewise(data);
  }
}

function piecewise(data: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < data.length) {
    const byte = data[at] ?? 0;
    if (byte < 0x80) {
      text += String.fromCharCode(byte);
      at += 1;
      continue;
    }
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    try {
      if (byte < 0xc2 || at + size > data.length) throw new RangeError();
      text += strict.decode(data.subarray(at, at + size));
      at += size;
    } catch {
      text += String.fromCharCode(0xdc00 + byte);
      at += 1;
    }
  }
  return text;
}

/** Bytes as a text of one character each. */
export function binary(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return text;
}

/** The bytes of a text of one character each. */
export function unbinary(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0) & 255);
}

/** Compare as bytes, as the C locale does. */
export function compareBytes(left: string, right: string): number {
  if (left === right) return 0;
  const size = Math.min(left.length, right.length);
  for (let at = 0; at < size; at += 1) {
    const one = left.charCodeAt(at);
    const other = right.charCodeAt(at);
    // Surrogates stand for what is above all others in UTF-8, but those for single bytes are such bytes.
    if (one !== other) return rank(one) - rank(other);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xdc00 ? unit + 0x10000 : unit >= 0xe000 ? unit : unit >= 0xdc80 && unit <= 0xdcff ? unit + 0x20000 : unit;
}
