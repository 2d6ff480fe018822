import { Chalk } from "chalk";
import { glob, globSync } from "glob";
import semver from "semver";
import { NIL, v4, v5, validate, version } from "uuid";

console.log(validate(v4()), version(v4()), v4() === v4(), v5("www.example.com", v5.DNS), NIL);
const chalk = new Chalk({ level: 3 });
console.log(JSON.stringify([chalk.red("red"), chalk.bold.hex("#ff8800")("x"), chalk.bgBlue`tagged`]));
console.log(semver.satisfies("1.2.3", "^1.0.0 || >=3"), semver.maxSatisfying(["1.0.0", "1.5.0", "2.0.0"], "1.x"), semver.coerce("v2.1").version, semver.diff("1.0.0", "1.1.0"), semver.valid("x"));
console.log((await glob("tree/**/*.{js,ts}")).sort(), globSync("**/b*", { ignore: "node_modules/**" }).sort());
