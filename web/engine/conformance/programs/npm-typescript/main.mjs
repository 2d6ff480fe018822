import ts from "typescript";

console.log(ts.transpileModule("enum A { x = 1 } const f = <T,>(v: T): T => v; export default class { private a?: string }", { compilerOptions: { target: ts.ScriptTarget.ES2020, module: ts.ModuleKind.CommonJS } }).outputText);
const program = ts.createProgram(["checked.ts"], { strict: true, noEmit: true, types: [], target: ts.ScriptTarget.ES2022 });
for (const { code, messageText, start, file } of ts.getPreEmitDiagnostics(program)) {
  console.log(code, ts.flattenDiagnosticMessageText(messageText, "\n"), file && ts.getLineAndCharacterOfPosition(file, start));
}
const source = ts.createSourceFile("x.ts", "function f(a: number) {}", ts.ScriptTarget.Latest, true);
source.forEachChild((node) => console.log(ts.SyntaxKind[node.kind], node.getText()));
