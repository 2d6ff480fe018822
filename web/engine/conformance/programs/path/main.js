const path = require("path");

console.log(path.join("/a", "..", "b", "./c", "", "d/../e"), path.join(""), path.join("a", "/b"));
console.log(path.resolve("/x", "y", "../z"), path.resolve("a") === process.cwd() + "/a", path.resolve("/a", "/b"));
console.log(path.normalize("/a//b/../c/."), path.normalize(""), path.normalize("a/../.."), path.normalize("./a/"));
console.log(path.relative("/data/one/two", "/data/three"), path.relative("/a", "/a"), path.relative("/a/b", "/a"));
for (const file of ["/a/b.tar.gz", "b.", ".bashrc", "a/b/", "/", "", "x.y/z"]) {
  console.log(path.basename(file), path.dirname(file), path.extname(file), path.parse(file));
}
console.log(path.basename("/x/page.html", ".html"), path.format({ dir: "/d", name: "n", ext: ".e" }), path.format({ root: "/", base: "b" }));
console.log(path.isAbsolute("/a"), path.isAbsolute("a"), path.sep, path.delimiter, path.posix === path);
console.log(path.win32.join("C:\\a", "..", "b"), path.win32.parse("C:\\d\\f.txt"), path.win32.resolve("C:\\a", "..\\b"));
console.log(path.win32.relative("C:\\a\\b", "C:\\a\\c"), path.win32.isAbsolute("c:/"), path.win32.normalize("a/b\\..\\c"));
console.log(path.toNamespacedPath("/a"), require("path/posix") === path.posix, require("node:path/win32") === path.win32);
try { path.join(1); } catch (error) { console.log(error.name, error.code, error.message); }
