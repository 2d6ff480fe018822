/** `dns`: names of this container; a browser answers no questions about others. */

import { isIP, localAddress } from "./addresses.ts";
import { invalidArgType, refusal } from "../modules/errors.ts";
import { processNextTick } from "../timers.ts";

interface LookupOptions {
  family?: number | "IPv4" | "IPv6";
  all?: boolean;
}
interface Found {
  readonly address: string;
  readonly family: 4 | 6;
}
type LookupCallback = (error: Error | null, address?: string | Found[] | null, family?: number) => void;

function resolved(name: string): Found {
  const kind = isIP(name);
  if (kind !== 0) return { address: name, family: kind };
  const found = localAddress(name);
  if (found !== null) return found;
  throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { errno: -3008, code: "ENOTFOUND", syscall: "getaddrinfo", hostname: name });
}

function lookup(name: unknown, options: unknown, callback?: unknown): object {
  const done = (typeof options === "function" ? options : callback) as LookupCallback | undefined;
  if (typeof done !== "function") throw invalidArgType("callback", "Function", done);
  if (typeof name !== "string" && name) throw invalidArgType("hostname", "string", name);
  const all = typeof options === "object" && options !== null && (options as LookupOptions).all === true;
  let found: Found;
  try {
    found = resolved((name ?? "localhost") as string);
  } catch (error) {
    processNextTick(done, error);
    return {};
  }
  if (all) processNextTick(done, null, [found]);
  else processNextTick(done, null, found.address, found.family);
  return {};
}

const WHY = "a browser answers no DNS questions; only names of this container are known";
const QUERIES = ["lookupService", "setServers", "getServers", "resolve", "resolve4", "resolve6", "resolveAny", "resolveCaa", "resolveCname", "resolveMx", "resolveNaptr", "resolveNs", "resolvePtr", "resolveSoa", "resolveSrv", "resolveTxt", "reverse"];

const refused = (prefix: string): Record<string, () => never> => Object.fromEntries(QUERIES.map((name) => [name, refusal(`${prefix}.${name}`, WHY)]));

const Resolver = refusal("dns.Resolver", WHY);

const CODES = {
  NODATA: "ENODATA", FORMERR: "EFORMERR", SERVFAIL: "ESERVFAIL", NOTFOUND: "ENOTFOUND", NOTIMP: "ENOTIMP", REFUSED: "EREFUSED", BADQUERY: "EBADQUERY", BADNAME: "EBADNAME",
  BADFAMILY: "EBADFAMILY", BADRESP: "EBADRESP", CONNREFUSED: "ECONNREFUSED", TIMEOUT: "ETIMEOUT", EOF: "EOF", FILE: "EFILE", NOMEM: "ENOMEM", DESTRUCTION: "EDESTRUCTION",
  BADSTR: "EBADSTR", BADFLAGS: "EBADFLAGS", NONAME: "ENONAME", BADHINTS: "EBADHINTS", NOTINITIALIZED: "ENOTINITIALIZED", LOADIPHLPAPI: "ELOADIPHLPAPI",
  ADDRGETNETWORKPARAMS: "EADDRGETNETWORKPARAMS", CANCELLED: "ECANCELLED",
};

let order = "verbatim";
const orders = { getDefaultResultOrder: () => order, setDefaultResultOrder: (value: string) => void (order = value) };

/** `dns/promises`. */
export const dnsPromises = {
  lookup: (name: string, options?: LookupOptions): Promise<Found | Found[]> =>
    new Promise((resolve) => {
      const found = resolved(name);
      resolve(options?.all === true ? [found] : found);
    }),
  ...refused("dns.promises"), Resolver, ...orders, ...CODES,
};

/** `dns`. */
export const dns = { lookup, ...refused("dns"), Resolver, ...orders, ADDRCONFIG: 32, ALL: 16, V4MAPPED: 8, ...CODES, promises: dnsPromises };
