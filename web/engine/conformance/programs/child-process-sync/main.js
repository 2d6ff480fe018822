const { execFileSync, execSync, spawnSync } = require("child_process");

console.log(execSync("echo sync; cat data.txt | tr a-z A-Z").toString(), execSync("echo text", { encoding: "utf8" }));
console.log(execFileSync(process.execPath, ["-p", "6 * 7"], { encoding: "utf8" }).trim());
const done = spawnSync("cat", { input: "from input", encoding: "utf8" });
console.log(done.status, done.signal, done.stdout, done.stderr, done.output);
const failed = spawnSync("sh", ["-c", "echo oops >&2; exit 6"], { encoding: "utf8" });
console.log(failed.status, failed.stderr);
try { execSync("echo partly; exit 2", { stdio: "pipe" }); } catch (error) { console.log(error.status, error.stdout.toString(), error.message); }
console.log(spawnSync("no-such-command").error.code);
execSync("echo inherited", { stdio: "inherit" });
console.log(execSync("pwd", { cwd: "/" }).toString(), execSync("echo $OWN", { env: { ...process.env, OWN: "set" } }).toString());
require("fs").writeFileSync("made.txt", "by the parent");
console.log(execSync("cat made.txt && rm made.txt && echo child > child.txt").toString(), require("fs").readFileSync("child.txt", "utf8"));
console.log(spawnSync(process.execPath, ["-e", "setInterval(() => {}, 99)"], { timeout: 300 }).signal);
