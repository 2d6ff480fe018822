import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/test/**/*.test.ts"],
    reporters: ["default"],
    testTimeout: 20_000,
    // The client keeps its engine in module state: a test that boots anew needs the module anew.
    server: { deps: { inline: ["@webcontainer/api"] } },
  },
});
