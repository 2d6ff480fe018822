import YAML, { parseDocument } from "yaml";

const text = "# note\nname: test\nlist: [1, two, 3.0]\nmap:\n  nested: &a {x: true}\n  again: *a\ntext: |\n  two\n  lines\n";
console.log(YAML.parse(text), YAML.stringify({ a: [1, { b: null }], long: "x ".repeat(60), s: "yes" }));
const document = parseDocument(text);
document.set("name", "changed");
console.log(String(document));
console.log(parseDocument("a: [1\nb: }").errors.map((error) => [error.code, error.message]));
