/** Bytes that are no text, inside the shell's strings: lone surrogates, which no text holds, stand for them. */

const encoder = new TextEncoder();
const RAW = /(?<![\ud800-\udbff])[\udc80-\udcff]/;

/** A byte as `printf '\xNN'` writes it. */
export function rawByte(byte: number): string {
  return String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
}

/** The bytes of a text: UTF-8, and where a byte stands for itself, that byte. */
export function bytesOf(text: string): Uint8Array {
  if (!RAW.test(text)) return encoder.encode(text);
  const parts = text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/).map((part) => (part.length === 1 && RAW.test(part) ? Uint8Array.of(part.charCodeAt(0) - 0xdc00) : encoder.encode(part)));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
