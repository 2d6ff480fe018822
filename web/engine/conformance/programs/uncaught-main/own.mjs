class OwnError extends Error {
  name = "OwnError";
}
await null;
throw new OwnError("from a module", { cause: new Error("the cause") });
