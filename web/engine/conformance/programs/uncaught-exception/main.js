process.on("exit", (code) => console.log("exit", code));
console.log("before");
setTimeout(() => console.log("never printed"), 20);

function fails() {
  throw new RangeError("out of range");
}
setTimeout(fails, 1);
