let text = "";
process.stdin.on("data", (data) => (text += data)).on("end", () => {
  process.stdout.write(text.toUpperCase());
  if (process.argv.includes("--fail")) {
    console.error("asked to fail");
    process.exit(4);
  }
});
