process.stdin.setEncoding("utf8");
let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => {
  console.log(JSON.stringify(text), text.length);
  process.stdout.write("no newline", () => process.stderr.write("on stderr\n"));
});
