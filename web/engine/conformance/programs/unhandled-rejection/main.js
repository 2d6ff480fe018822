process.on("exit", (code) => console.log("exit", code, process.exitCode));
Promise.reject(new Error("nobody caught this"));
setTimeout(() => console.log("never printed"), 50);
