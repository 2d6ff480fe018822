import { Command, Option } from "commander";

const program = new Command("own").version("1.0.0").description("a program for tests");
program.command("greet").description("say hello").argument("<name>").option("-n, --times <n>", "how often", Number, 1).option("--loud", "in capitals").addOption(new Option("--lang <lang>").choices(["en", "de"])).action((name, options) => {
  for (let n = 0; n < options.times; n++) console.log(options.loud ? `HELLO ${name.toUpperCase()}` : `hello ${name}`);
});
await program.parseAsync();
