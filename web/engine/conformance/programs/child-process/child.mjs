import { text } from "node:stream/consumers";

if (process.send) {
  process.on("message", (message) => process.send({ answer: message.question }));
} else {
  console.log("argument", process.argv[2]);
  console.error("stdin", await text(process.stdin));
  process.exitCode = 5;
}
