import nodeQuery from "node:querystring";
import nodeUrl from "node:url";
import { describe, expect, it } from "vitest";
import { querystring } from "../../src/process/modules/querystring.ts";
import { url } from "../../src/process/modules/url/index.ts";
import { outcome, same } from "./same.ts";

const URLS = [
  "http://a.com/b?c=d#e", "/path?x=1", "//host/path", "mailto:user@example.com", "data:text/plain,hi", "javascript:alert(1)",
  "http://user:pa%20ss@HOST.com:8080/p/a/t/h?query=string#hash", "http://[::1]:80/x", "file:///etc/passwd", "http:\\\\x\\y?a\\b", "a b", "?q", "#h",
  "http://x.y?z", "x:1/y", "http://münchen.de/ä", "http://a@b@c/", "http://a@b?@c", "  http://t.com  ", "/a'b\"c", "foo://bar:1/baz",
  "coap:u:p@h:2/e", "localhost:3000/x", "http://", "http:///x", "", "//a//b", "http://a.com/{x}|y", "git+ssh://git@host:a/b",
];
const RELATIVES = ["../x", "/y", "z", "?n", "#m", "//o.com/p", "https://s/t", "", "./", "../../../../q", "a/../b", "g;x=1/./y", "http:g", ".", "..", "file:x"];

describe("legacy URLs", () => {
  it.each(URLS)("parses %j as Node does", (text) => {
    for (const query of [false, true]) for (const host of [false, true]) same(() => url.parse(text, query, host), () => nodeUrl.parse(text, query, host));
    same(() => url.format(text), () => nodeUrl.format(text));
  });

  it.each(["http://a.com/b/c/d?q#h", "/one/two/three", "http://example.com/", "file:///a/b"])("resolves against %s as Node does", (base) => {
    for (const relative of RELATIVES) same(() => url.resolve(base, relative), () => nodeUrl.resolve(base, relative));
  });

  it("resolves against protocols without hosts as Node does, or refuses by name", () => {
    const refused = /^Error \| ERR_FEATURE_UNAVAILABLE_ON_PLATFORM/;
    let answered = 0;
    for (const base of ["mailto:a@b.c", "javascript:x", "data:x", "urn:a:b", "foo:a/b", "foo://h/a/b", "x:/p/q"]) {
      for (const relative of ["", "b", "/b", "../b", "?q", "#h", "//o/p", "mailto:z@y", "http://k/l", "c/d", "mailto:", "foo:q"]) {
        if (refused.test(outcome(() => url.resolve(base, relative)))) continue;
        same(() => url.resolve(base, relative), () => nodeUrl.resolve(base, relative));
        answered += 1;
      }
    }
    expect(answered).toBeGreaterThan(30);
  });

  it("formats parts as Node does", () => {
    const parts = [{ protocol: "http", host: "a.com", pathname: "x", query: { a: 1 } }, { hostname: "::1", port: 80 }, { pathname: "/a?b#c" }, { search: "a", hash: "b" }, null, 3];
    for (const part of parts) same(() => url.format(part), () => nodeUrl.format(part as nodeUrl.UrlObject));
  });
});

describe("file URLs and domains", () => {
  it("turns paths and URLs into each other as Node does", () => {
    for (const text of ["file:///a%20b", "file://host/x", "http://x", "file:///a%2fb", "/x"]) same(() => url.fileURLToPath(text), () => nodeUrl.fileURLToPath(text));
    for (const path of ["/a b", "/a#b?c%", "x/y/", "/ä\n", "\\a"]) same(() => url.pathToFileURL(path).href, () => nodeUrl.pathToFileURL(path).href);
  });

  it("writes domains in ASCII and Unicode as Node does", () => {
    for (const domain of ["español.com", "xn--espaol-zwa.com", "中文.com", "xn--iñvalid.com"]) {
      same(() => url.domainToASCII(domain), () => nodeUrl.domainToASCII(domain));
      same(() => url.domainToUnicode(domain), () => nodeUrl.domainToUnicode(domain));
    }
  });
});

describe("querystring", () => {
  it("parses and writes as Node does", () => {
    for (const text of ["a=1&b=2&a=3", "a", "=x", "&&a=", "a=%zz&b=%20+c", "a=1;b=2", "%C3=1", "a=b=c"]) same(() => querystring.parse(text), () => nodeQuery.parse(text));
    for (const query of [{ a: 1, b: [1, "x", null], c: Number.NaN, d: true, e: {} }, { a: "ä &=" }, { a: [] }]) {
      same(() => querystring.stringify(query), () => nodeQuery.stringify(query as never));
    }
    same(() => querystring.escape("\ud800"), () => nodeQuery.escape("\ud800"));
  });
});
