export * from "./counter.mjs";
export * as names from "./names.mjs";
export { renamed } from "./names.mjs";
export { default as Class } from "./names.mjs";
