import * as prettier from "prettier";

for (const [parser, text] of [["babel", "const  a={b:1,c:[1,2,3]};function f(x,y){return x+y}"], ["typescript", "interface A{a:string;b?:number}; type B=A|null"], ["css", "a{color:red;b:c}"], ["markdown", "# T\n* one\n* two\n\n|a|b|\n|-|-|\n|1|2|"], ["yaml", "a:   1\nb:\n    - x"], ["html", "<div><p>text</p><script>let a=1</script></div>"], ["json", '{"a":1,"b":[1]}']]) {
  console.log(await prettier.format(text, { parser }));
}
await prettier.format("const = 1", { parser: "babel" }).catch((error) => console.log(error.name, error.message));
