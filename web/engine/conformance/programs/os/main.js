const os = require("os");

console.log(os.EOL === "\n", os.platform(), os.type(), os.endianness(), os.devNull, typeof os.release(), typeof os.hostname());
console.log(os.cpus().length > 0, os.totalmem() > 0, os.freemem() > 0, os.uptime() > 0, os.loadavg().length, typeof os.availableParallelism());
console.log(typeof os.homedir(), typeof os.tmpdir(), require("fs").statSync(os.tmpdir()).isDirectory(), typeof os.userInfo().username, typeof os.networkInterfaces());
console.log(os.constants.signals.SIGTERM, os.constants.errno.ENOENT, os.constants.priority.PRIORITY_LOW);
console.log(process.platform, typeof process.pid, typeof process.ppid, process.title.length > 0, process.argv.length, process.argv[1].endsWith("main.js"), process.execArgv);
console.log(typeof process.version, process.versions.node === process.version.slice(1), typeof process.versions.v8, process.release.name, Array.isArray(process.config.variables) || typeof process.config);
console.log(process.cwd() === __dirname, process.umask().toString(8).length <= 3, typeof process.uptime(), typeof process.hrtime.bigint(), process.hrtime().length);
console.log(Object.keys(process.memoryUsage()), typeof process.cpuUsage().user, process.env.NOT_SET, "NOT_SET" in process.env, process.exitCode);
process.env.NUMBER = 5;
console.log(process.env.NUMBER, delete process.env.NUMBER, process.env.NUMBER, process.stdout.isTTY, process.stdin.isTTY, process.stdout.fd, process.stderr.fd);
process.chdir("/");
console.log(process.cwd());
try { process.chdir("/not/there"); } catch (error) { console.log(error.code); }
console.log(process.features.inspector !== undefined, typeof process.getuid(), process.allowedNodeEnvironmentFlags instanceof Set, process.emitWarning.length >= 0);
try { process.kill(process.pid, "SIGNONE"); } catch (error) { console.log(error.code); }
console.log(process.kill(process.pid, 0));
