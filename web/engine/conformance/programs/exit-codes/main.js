const cases = {
  1() { process.exit(7); },
  2() { process.exitCode = 9; },
  3() { let rounds = 0; process.on("beforeExit", (code) => { console.log("beforeExit", code); if (++rounds < 3) setTimeout(() => console.log("more work"), 1); }); },
  4() { process.on("exit", (code) => { console.log("exit", code); process.exitCode = 12; setTimeout(() => console.log("never"), 0); }); process.exit(); },
  5() { setInterval(() => {}, 1000); setTimeout(() => process.exit(), 5); process.on("exit", () => console.log("bye")); },
  6() { process.on("exit", () => { throw new Error("in exit"); }); process.exitCode = 3; process.on("uncaughtException", (error) => console.log(error.message)); },
};
cases[process.argv[2]]();
console.log("end of main", process.argv[2]);
