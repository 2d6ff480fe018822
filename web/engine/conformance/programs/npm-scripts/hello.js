console.log(process.argv.slice(2), process.env.npm_lifecycle_event);
