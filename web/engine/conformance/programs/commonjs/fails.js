global.failed = (global.failed || 0) + 1;
throw new Error("fails to load");
