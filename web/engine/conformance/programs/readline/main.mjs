import readline from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { once } from "node:events";

for await (const line of readline.createInterface({ input: Readable.from(["a\r\nb", "c\rd\n", "\u2028e"]), crlfDelay: Infinity })) console.log(JSON.stringify(line));
const output = new PassThrough();
const asking = readline.createInterface({ input: Readable.from(["ok\n"]), output });
asking.question("sure? ", (answer) => { console.log("answer", answer, output.read().toString()); });
await once(asking, "close");

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => console.log("line", JSON.stringify(line)));
lines.on("pause", () => console.log("pause"));
lines.on("close", () => console.log("close", lines.closed));
lines.setPrompt("> ");
console.log(lines.getPrompt(), typeof readline.clearLine, typeof readline.cursorTo, typeof readline.promises.createInterface);
