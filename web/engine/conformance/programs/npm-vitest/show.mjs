import { readFileSync } from "node:fs";

const result = JSON.parse(readFileSync("result.json", "utf8"));
console.log(result.numTotalTests, result.numPassedTests, result.numFailedTests, result.success);
for (const test of result.testResults[0].assertionResults) console.log(test.status, test.fullName, (test.failureMessages[0] ?? "").split("\n")[0]);
