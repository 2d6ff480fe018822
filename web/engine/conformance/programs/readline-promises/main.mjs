import { createInterface } from "node:readline/promises";
import { stdin as input, stdout as output } from "node:process";

const asking = createInterface({ input, output });
const lines = asking[Symbol.asyncIterator]();
output.write("name? ");
const { value: name } = await lines.next();
output.write("age? ");
const { value: age } = await lines.next();
console.log(`${name} will be ${Number(age) + 1}`);
asking.close();
