for (const name of ["./broken.js", "./none", "no-such-package", "node:nonsense", "./broken.json", ""]) {
  try { require(name); } catch (error) { console.log(error.name, error.code, error.message.split("\n")[0].replaceAll(__dirname, ".")); }
}
(async () => {
  for (const name of ["./none.mjs", "no-such-package", "node:nonsense", "./broken.mjs", "./named.mjs", "https://example.com/x.js"]) {
    await import(name).catch((error) => console.log(error.name, error.code, error.message.split("\n")[0].replaceAll(__dirname, ".").replace(/ imported from .*/, "")));
  }
})();
