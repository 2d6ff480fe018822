/** `url`. */

import { fileURLToPath, pathToFileURL } from "./files.ts";
import { domainToASCII, domainToUnicode, format, parse, resolve, resolveObject, Url } from "./legacy.ts";

/** Options for `http.request` of a URL. */
function urlToHttpOptions(url: URL): Record<string, unknown> {
  const { hostname, username, password, port } = url;
  return {
    ...(url as unknown as Record<string, unknown>),
    protocol: url.protocol,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    hash: url.hash,
    search: url.search,
    pathname: url.pathname,
    path: `${url.pathname}${url.search}`,
    href: url.href,
    ...(port === "" ? {} : { port: Number(port) }),
    ...(username === "" && password === "" ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  };
}

/** The module, with the keys of Node's in its order. */
export const url = {
  Url, parse, resolve, resolveObject, format, URL: globalThis.URL, URLSearchParams: globalThis.URLSearchParams,
  domainToASCII, domainToUnicode, pathToFileURL, fileURLToPath, urlToHttpOptions,
};
