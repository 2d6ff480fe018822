/** `punycode`, by RFC 3492. */

import { adapted, decodePunycode } from "./url/legacy.ts";

const SEPARATORS = /[.\u3002\uff0e\uff61]/g;

/** RFC 3492, section 6.3. */
function encode(text: string): string {
  const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  const basic = points.filter((point) => point < 128);
  let out = String.fromCodePoint(...basic) + (basic.length > 0 ? "-" : "");
  let [n, delta, bias, handled] = [128, 0, 72, basic.length];
  while (handled < points.length) {
    const next = Math.min(...points.filter((point) => point >= n));
    delta += (next - n) * (handled + 1);
    n = next;
    for (const point of points) {
      if (point < n) delta += 1;
      if (point !== n) continue;
      out += digits(delta, bias);
      bias = adapted(delta, handled + 1, handled === basic.length);
      delta = 0;
      handled += 1;
    }
    delta += 1;
    n += 1;
  }
  return out;
}

const digit = (value: number): string => String.fromCharCode(value < 26 ? value + 97 : value + 22);

function digits(delta: number, bias: number): string {
  let out = "";
  let rest = delta;
  for (let k = 36; ; k += 36) {
    const threshold = Math.min(26, Math.max(1, k - bias));
    if (rest < threshold) return out + digit(rest);
    out += digit(threshold + ((rest - threshold) % (36 - threshold)));
    rest = Math.floor((rest - threshold) / (36 - threshold));
  }
}

function labels(text: string, change: (label: string) => string): string {
  const at = text.lastIndexOf("@");
  const [user, domain] = at === -1 ? ["", text] : [text.slice(0, at + 1), text.slice(at + 1)];
  return user + domain.replace(SEPARATORS, ".").split(".").map(change).join(".");
}

/** The module. */
export const punycode = {
  version: "2.1.0",
  ucs2: {
    decode: (text: string) => Array.from(text, (char) => char.codePointAt(0) ?? 0),
    encode: (points: readonly number[]) => String.fromCodePoint(...points),
  },
  decode: decodePunycode,
  encode,
  toASCII: (text: string) => labels(text, (label) => (/[^\0-\x7f]/.test(label) ? `xn--${encode(label)}` : label)),
  toUnicode: (text: string) => labels(text, (label) => (label.startsWith("xn--") ? decodePunycode(label.slice(4).toLowerCase()) : label)),
};
