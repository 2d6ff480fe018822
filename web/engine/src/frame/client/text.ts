/** The encodings that the client's `fs.readFile` and `fs.writeFile` know, by the names that Node has for them. */

const ENCODER = new TextEncoder();

interface Codec {
  readonly decode: (data: Uint8Array) => string;
  readonly encode: (text: string) => Uint8Array;
}

const UTF8: Codec = { decode: (data) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(data), encode: (text) => ENCODER.encode(text) };
const UTF16: Codec = { decode: (data) => new TextDecoder("utf-16le", { ignoreBOM: true }).decode(data), encode: utf16 };
const LATIN1: Codec = { decode: latin1, encode: fromLatin1 };

const CODECS: Readonly<Record<string, Codec>> = {
  utf8: UTF8,
  "utf-8": UTF8,
  ucs2: UTF16,
  "ucs-2": UTF16,
  utf16le: UTF16,
  "utf-16le": UTF16,
  latin1: LATIN1,
  binary: LATIN1,
  ascii: { decode: (data) => latin1(data.map((byte) => byte & 0x7f)), encode: fromLatin1 },
  hex: { decode: (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join(""), encode: fromHex },
  base64: { decode: (data) => btoa(latin1(data)), encode: fromBase64 },
  base64url: { decode: (data) => btoa(latin1(data)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""), encode: fromBase64 },
};

function codec(encoding: string): Codec {
  const found = CODECS[encoding.toLowerCase()];
  if (found === undefined) throw new Error(`Unknown encoding: ${encoding}`);
  return found;
}

/** Bytes as text. @throws Error for an unknown encoding */
export function decodeText(data: Uint8Array, encoding: string): string {
  return codec(encoding).decode(data);
}

/** Text as bytes. @throws Error for an unknown encoding */
export function encodeText(text: string, encoding: string): Uint8Array {
  return codec(encoding).encode(text);
}

function utf16(text: string): Uint8Array {
  const data = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at += 1) {
    data[2 * at] = text.charCodeAt(at);
    data[2 * at + 1] = text.charCodeAt(at) >> 8;
  }
  return data;
}

function fromHex(text: string): Uint8Array {
  const pairs = /^(?:[0-9a-f]{2})*/i.exec(text)?.[0].match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

function fromBase64(text: string): Uint8Array {
  return fromLatin1(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
}

/** Each byte as the character of its number. */
export function latin1(data: Uint8Array): string {
  let text = "";
  // Function arguments have a limit; these pieces are well below it.
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return text;
}

/** Each character's low byte. */
export function fromLatin1(text: string): Uint8Array {
  const data = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) data[at] = text.charCodeAt(at);
  return data;
}
