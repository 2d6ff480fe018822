/** The Node that this engine stands for: its conformance programs are compared with this line of releases. */

export const VERSION = "v20.20.2";

/** `process.versions`: the language's engine is Chromium's, so its number is left out rather than made up. */
export const VERSIONS: Readonly<Record<string, string>> = {
  node: "20.20.2",
  acorn: "8.19.0",
  cjs_module_lexer: "2.3.0",
  modules: "115",
  uv: "1.46.0",
  v8: "11.3.244.8-node.38",
  zlib: "1.3.1",
};
