const url = require("url");

const address = new URL("../c?x=1&y=a b#frag", "https://user:p%40ss@Example.COM:8080/a/b/");
console.log(address);
console.log(address.href, address.searchParams.get("y"), address.origin);
address.searchParams.append("z", "ü&=");
address.port = "443";
address.pathname = "/new path";
console.log(String(address), JSON.stringify({ address }));
const query = new URLSearchParams([["b", "2"], ["a", "1"], ["b", "3"]]);
query.sort();
console.log(query, query.getAll("b"), query.has("b", "3"), query.size, [...query.keys()]);
console.log(URL.canParse("nonsense"), URL.canParse("a", "http://x"));
try { new URL("nonsense"); } catch (error) { console.log(error.name, error.code, error.input, error instanceof TypeError); }
console.log(url.fileURLToPath("file:///a/b%20c"), url.pathToFileURL("/x y/#z?").href);
console.log(url.parse("http://u:p@host.com:8080/p/a/t/h?query=string#hash"));
console.log(url.parse("/a?x=1&x=2&y=", true).query.x, url.parse("//host/path", false, true).host);
console.log(url.format({ protocol: "https", hostname: "a.b", port: 1, pathname: "/p", query: { q: [1, 2] } }));
console.log(url.resolve("/one/two/three", "four"), url.resolve("http://a.com/b", "/c"));
console.log(url.domainToASCII("español.com"), url.domainToUnicode("xn--espaol-zwa.com"));
console.log(url.urlToHttpOptions(new URL("https://a:b@測試/p?q#f")).auth);
const starred = new URL("http://%2A@a*b.c/%2A");
starred.port = "8";
console.log(starred.href, `${starred}`, JSON.stringify(starred), starred.host, starred.origin, starred, new URL("x://a%2Ab/").host);
