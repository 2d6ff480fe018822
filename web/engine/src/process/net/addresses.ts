/** Internet addresses as texts: `net.isIP`, `BlockList`, `SocketAddress`, and which names lead to this container. */

import { invalidArgType, unsupported } from "../modules/errors.ts";
import { isLocalHost } from "./exchange.ts";

const V4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/;

/** Whether a text is an IPv4 address. */
export const isIPv4 = (text: unknown): boolean => typeof text === "string" && V4.test(text);

/** Whether a text is an IPv6 address. */
export function isIPv6(text: unknown): boolean {
  if (typeof text !== "string") return false;
  const [address = ""] = text.split("%");
  const tail = /[\d.]+$/.exec(address)?.[0] ?? "";
  const plain = tail.includes(".") ? (V4.test(tail) ? `${address.slice(0, -tail.length)}0:0` : "bad") : address;
  const halves = plain.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? groups.length <= 7 : groups.length === 8);
}

/** 4, 6, or 0 for what is no address. */
export const isIP = (text: unknown): 0 | 4 | 6 => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0);

/** The address that a name of this container leads to; null for names of other machines. */
export function localAddress(host: string): { address: string; family: 4 | 6 } | null {
  if (!isLocalHost(host)) return null;
  if (isIPv4(host)) return { address: host === "0.0.0.0" ? "127.0.0.1" : host, family: 4 };
  return host.includes(":") ? { address: "::1", family: 6 } : { address: "127.0.0.1", family: 4 };
}

/** Why a connection to another machine is refused. */
export function elsewhere(host: string): Error {
  return unsupported(`A connection to ${host}`, "a browser gives no TCP sockets; only HTTP requests leave the container, by fetch, http.request and https.request");
}

/** `net.SocketAddress`. */
export class SocketAddress {
  readonly address: string;
  readonly port: number;
  readonly family: "ipv4" | "ipv6";
  readonly flowlabel: number;

  constructor(options: { address?: string; port?: number; family?: "ipv4" | "ipv6"; flowlabel?: number } = {}) {
    this.family = options.family ?? "ipv4";
    this.address = options.address ?? (this.family === "ipv4" ? "127.0.0.1" : "::");
    this.port = options.port ?? 0;
    this.flowlabel = options.flowlabel ?? 0;
  }

  toJSON(): object {
    return { address: this.address, port: this.port, family: this.family, flowlabel: this.flowlabel };
  }
}

type Test = (address: string) => boolean;

/** `net.BlockList`, of IPv4 addresses; IPv6 ones by their text alone. */
export class BlockList {
  private readonly tests: Test[] = [];
  readonly rules: string[] = [];

  addAddress(address: string | SocketAddress, family = "ipv4"): void {
    const text = textOf(address);
    this.tests.push((other) => other === text);
    this.rules.unshift(`Address: ${family === "ipv4" ? "IPv4" : "IPv6"} ${text}`);
  }

  addRange(start: string | SocketAddress, end: string | SocketAddress, family = "ipv4"): void {
    if (family !== "ipv4") throw unsupported("net.BlockList.addRange for IPv6");
    const [from, to] = [numberOf(textOf(start)), numberOf(textOf(end))];
    this.tests.push((other) => isIPv4(other) && numberOf(other) >= from && numberOf(other) <= to);
    this.rules.unshift(`Range: IPv4 ${textOf(start)}-${textOf(end)}`);
  }

  addSubnet(net: string | SocketAddress, prefix: number, family = "ipv4"): void {
    if (family !== "ipv4") throw unsupported("net.BlockList.addSubnet for IPv6");
    const by = 2 ** (32 - prefix);
    const base = Math.floor(numberOf(textOf(net)) / by);
    this.tests.push((other) => isIPv4(other) && Math.floor(numberOf(other) / by) === base);
    this.rules.unshift(`Subnet: IPv4 ${textOf(net)}/${prefix}`);
  }

  check(address: string | SocketAddress): boolean {
    const text = textOf(address);
    return this.tests.some((test) => test(text));
  }
}

function textOf(address: string | SocketAddress): string {
  if (typeof address === "string") return address;
  if (address instanceof SocketAddress) return address.address;
  throw invalidArgType("address", ["string", "SocketAddress"], address);
}

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
