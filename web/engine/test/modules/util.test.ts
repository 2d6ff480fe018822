import node from "node:util";
import { describe, it, vi } from "vitest";
import { util } from "../../src/process/modules/util/index.ts";
import { linesOf, sameOfAll } from "./expressions.ts";

// The modules are written for a Worker.
vi.hoisted(() => Object.assign(globalThis, { postMessage: () => undefined }));

const ours = { util };
const nodes = { util: node };

const INSPECT = String.raw`
  util.inspect({a:{b:{c:{d:1}}}})
  util.inspect({a:{b:{c:{d:1}}}},{depth:0})
  util.inspect({a:{b:{c:{d:1}}}},false,null,true)
  util.inspect({a:1,b:'x',c:null,d:undefined,e:Symbol('s'),f:1n,g:/r/g,h:new Date(0),i:true,j:-0,k(){},l:class A{}},{colors:true})
  util.inspect({b:1,a:2},{sorted:true})
  util.inspect({b:1,a:2,c:3},{sorted:(a,b)=>a<b?1:-1})
  util.inspect({get a(){return 5},set b(v){},get c(){throw new Error('boo')},set c(v){}},{getters:true})
  util.inspect({get a(){return {x:{y:1}}},set a(v){}},{getters:'set'})
  util.inspect({get a(){return 1},set b(v){}},{getters:'get'})
  util.inspect([1,,3,,,])
  util.inspect(Object.assign([1,2],{x:1,'-1':3}))
  util.inspect([1,2,3],{showHidden:true})
  util.inspect(new Map([[{a:1},new Set([1])]]),{showHidden:true})
  util.inspect(new (class Foo{constructor(){this.x=1}})())
  util.inspect(new (class Foo extends Map{constructor(){super();this.x=1}})())
  util.inspect(new (class extends Array{})(3))
  util.inspect(class A extends Map{})
  util.inspect(class{})
  util.inspect(class A{static x=1})
  util.inspect(class A extends null{})
  util.inspect(Object.create(null))
  util.inspect(Object.create({}))
  util.inspect(Object.create(Object.create(null)))
  util.inspect(Object.assign(Object.create(null),{x:1}))
  util.inspect(Object.create(class Foo{}.prototype))
  util.inspect(Object.setPrototypeOf([1],null))
  util.inspect(new String('abc'))
  util.inspect(Object.assign(new String('abc'),{x:1}))
  [new Number(-0),new Boolean(false),Object(1n),Object(Symbol('q'))]
  util.inspect(function foo(){})
  util.inspect(Object.assign(function foo(){},{x:1}))
  util.inspect(()=>{})
  util.inspect(async()=>{})
  util.inspect(async function af(){})
  util.inspect(Object.setPrototypeOf(function x(){},null))
  util.inspect(new Error('boo')).split('\n')[0]
  util.inspect(Object.assign(new Error('boo'),{code:'X',extra:{a:1}})).replace(/\n    at .*/g,'')
  util.inspect(new AggregateError([new Error('1'),new Error('2')],'agg')).replace(/\n *at .*/g,'')
  { const e=new Error('x'); e.name='Foo'; return util.inspect(e).split('\n')[0] }
  { const e=new Error('x'); e.stack='nothing'; return util.inspect(e) }
  { const e=new Error('x'); e.stack=undefined; return util.inspect(e) }
  { const e=new Error(''); e.stack=''; return util.inspect(e) }
  { const e=new Error('x'); delete e.stack; return util.inspect(e) }
  { const e=new Error('x\ny'); return util.inspect({e}).replace(/\n *at .*/g,'') }
  { class MyE extends Error{}; return util.inspect(new MyE('x')).split('\n')[0] }
  { class MyE extends Error{get name(){return 'Zed'}}; return util.inspect(new MyE('x')).split('\n')[0] }
  { const e=new Error('x'); Object.defineProperty(e,'message',{value:'y',enumerable:true}); return util.inspect(e).replace(/\n *at .*/g,'') }
  { const e=new RangeError('x'); e.message='changed'; return util.inspect(e).split('\n')[0] }
  { const a={}; a.a=a; a.b={a,c:[a]}; return util.inspect(a) }
  { const a=[]; a.push(a); return util.inspect(a) }
  { const m=new Map(); m.set('m',m); return util.inspect(m) }
  { const a={},b={a}; a.b=b; return util.inspect([a,b]) }
  util.inspect('a\'b')
  util.inspect('a\'b"c')
  util.inspect('\n\t\u0000\u001b\u007f\u009f\ud800')
  util.inspect('a'.repeat(200))
  util.inspect('line\nline2\n'.repeat(5))
  util.inspect(['line\nline2\n'.repeat(5)])
  util.inspect('a'.repeat(20000)).length
  util.inspect('a'.repeat(200),{maxStringLength:10})
  util.inspect(Array.from({length:120},(_, i)=>i))
  util.inspect(Array.from({length:30},(_, i)=>'item'+i))
  util.inspect(new Array(1e6))
  util.inspect([1,2,3,4],{maxArrayLength:2})
  util.inspect(new Set([1,2,3,4]),{maxArrayLength:2})
  util.inspect(new Map([[1,2],[3,4],[5,6]]),{maxArrayLength:2})
  util.inspect([1,2,3,4],{maxArrayLength:null})
  util.inspect([1,2,3,4],{maxArrayLength:0})
  util.inspect([1,2,3,4],{maxArrayLength:-1})
  util.inspect({a:[1,2,{b:[3,{c:4}]}]},{compact:false})
  util.inspect({a:[1,2,{b:[3,{c:4}]}]},{compact:1})
  util.inspect({a:[1,2,{b:[3,{c:4}]}]},{compact:true,breakLength:10})
  util.inspect({a:[1,2,{b:[3,{c:4}]}]},{compact:3,breakLength:10})
  util.inspect({aaaaaaaaaaaaaaaaaaa:1,bbbbbbbbbbbbbbbbbbbbbbbbbb:2,cccccccccccccccccccccccc:3,dddddddddddddd:4})
  util.inspect({aaaaaaaaaaaaaaaaaaa:1,bbbbbbbbbbbbbbbbbbbbbbbbbb:2,cccccccccccccccccccccccc:3,dddddddddddddd:4},{breakLength:Infinity})
  util.inspect(123456789.123,{numericSeparator:true})
  util.inspect([123456,-1234567n,0.0001234],{numericSeparator:true})
  util.inspect(new Uint8Array(3))
  util.inspect(new Float64Array([1.5,-0,NaN]))
  util.inspect(new BigInt64Array(2))
  util.inspect(new Uint8Array(3),{showHidden:true})
  util.inspect(new ArrayBuffer(4))
  util.inspect(new ArrayBuffer(4),{showHidden:true})
  util.inspect(new DataView(new ArrayBuffer(4)))
  util.inspect(new WeakMap())
  util.inspect(Symbol('a b'))
  util.inspect({[Symbol('a')]:1,[Symbol()]:2,[Symbol.iterator]:3})
  util.inspect({'a-b':1,1:2,'2x':3,a1:4,'':5,'a\'b':6})
  util.inspect(Object.defineProperty({},'hid',{value:1}),{showHidden:true})
  util.inspect({[util.inspect.custom](d,o,i){return 'C'+d+Object.keys(o).sort().join()+typeof i}})
  util.inspect({x:{[util.inspect.custom](d,o,i){return i({z:1},o)}}})
  util.inspect({x:{[util.inspect.custom](){return {q:1}}}})
  util.inspect({x:{[util.inspect.custom](){return 'multi\nline'}}})
  util.inspect({[util.inspect.custom](){throw new Error('bad')}})
  util.inspect({[util.inspect.custom](){return 1}},{customInspect:false})
  util.inspect({inspect(){return 'no'}})
  util.inspect({[Symbol.toStringTag]:'Tag'})
  util.inspect(new (class Foo{get [Symbol.toStringTag](){return 'Bar'}})())
  util.inspect(Object.create(null,{[Symbol.toStringTag]:{value:'T'}}))
  util.inspect(new Date('x'))
  util.inspect(Object.assign(new Date(0),{a:1}))
  util.inspect(/a/gi)
  util.inspect(Object.assign(/a/,{b:1}))
  util.inspect((function(){return arguments})(1,2))
  util.inspect(JSON)
  util.inspect(Atomics)
  util.inspect(Reflect)
  util.inspect([undefined,null])
  util.inspect([[[[]]]])
  util.inspect([[[[1]]]])
  util.inspect({a:{}})
  util.inspect({a:{b:{c:{}}}})
  util.inspect({a:{b:{c:[]}}})
  util.inspect({a:{b:{c:new Map()}}})
  util.inspect({a:{b:{c:new (class Q{constructor(){this.z=1}})()}}})
  util.inspect(new Map([['a',{b:{c:{d:1}}}]]))
  util.inspect('x',{colors:true})
  util.inspect(undefined,{colors:true})
  util.inspect(new Map([['a',1]]),{colors:true})
  util.inspect([,'a'],{colors:true})
  util.inspect(new Date(0),{colors:true})
  util.inspect({a:{b:{c:{}}},f(){},s:Symbol('x')},{colors:true,depth:0})
  util.inspect.defaultOptions
  util.inspect.colors
  util.inspect.styles
  util.inspect(1,{depth:'x'})
  util.inspect(1,'x')
  util.inspect(Promise)
  util.inspect(Object)
  util.inspect(Symbol.iterator)
  util.inspect([function(){},()=>{},class X{},async()=>{},Math.max])
  util.inspect(Object.freeze({a:1}))
  util.inspect([1.0,1e21,1e-7,NaN,Infinity])
  util.inspect(['a','b'].entries())
  util.inspect(new Set([[1,2],{a:1}]))
  util.inspect({a:'x'.repeat(90),b:[1,2,3]})
  util.inspect(Array.from({length:7},()=>({id:1,name:'abc'})))
  util.inspect(Array.from({length:101},()=>1.5))
  util.inspect(Array.from({length:10},(_, i)=>'x'.repeat(i*3)))
  util.inspect({k:Array.from({length:27},(_, i)=>i*1000)})
  util.inspect(new Array(3).fill('é€😀'))
  util.inspect(Array.from({length:8},()=>'日本語'))
`;

const FORMAT = String.raw`
  util.format('%s %d %i %f %j %o %O %c %%','a',1,2.7,'3.5',{a:1},{b:2},{c:3},'css')
  util.format('%s','a','b',{c:1})
  util.format('%s',null,undefined)
  util.format('%s',-0)
  util.format('%s',12n)
  util.format('%s',Symbol('x'))
  util.format('%s',{a:{b:{c:1}}})
  util.format('%s',{toString(){return 'TS'}})
  util.format('%s',new (class A{toString(){return 'AT'}})())
  util.format('%s',new (class A extends Error{})('m')).split('\n')[0]
  util.format('%s',()=>1)
  util.format('%s',class Q{})
  util.format('%s',new Date(0))
  util.format('%s',[1,[2,[3]]])
  util.format('%s',Object.create(null))
  util.format('%d','0x10')
  util.format('%d',5n)
  util.format('%d',{})
  util.format('%d',Symbol('a'))
  util.format('%i','12.7px')
  util.format('%i',5n)
  util.format('%i',{})
  util.format('%f','1.5x')
  util.format('%f',Symbol('a'))
  util.format('%j',(()=>{const a={};a.a=a;return a})())
  util.format('%j',{toJSON(){throw new Error('tj')}})
  util.format('%j',undefined)
  util.format('%o',[1,{a:{b:{c:{d:{}}}}}])
  util.format('%O',{a:{b:{c:{d:{e:{}}}}}})
  util.format('%s%s','a')
  util.format('%x %s',1)
  util.format('%')
  util.format('%%')
  util.format('%% %s','a')
  util.format('a%')
  util.format(1,2,'3')
  util.format({a:1},'b')
  util.format()
  util.format('%s',1234567.5)
  util.format('%d',123456)
  util.formatWithOptions({colors:true},'%s %O',1,{a:1})
  util.formatWithOptions({numericSeparator:true},'%d',123456)
  util.formatWithOptions(5,'x')
`;

const OTHERS = String.raw`
  util.parseArgs({args:['-f','--bar','b'],options:{foo:{type:'boolean',short:'f'},bar:{type:'string'}}})
  util.parseArgs({args:['a','--x'],strict:false,allowPositionals:true})
  util.parseArgs({args:['--x']})
  util.parseArgs({args:['a']})
  util.parseArgs({args:['--no-color'],options:{color:{type:'boolean'}},allowNegative:true})
  util.parseArgs({args:['--color=1'],options:{color:{type:'boolean'}}})
  util.parseArgs({args:['--s'],options:{s:{type:'string'}}})
  util.parseArgs({args:['--s','-x'],options:{s:{type:'string'}}})
  util.parseArgs({args:['-abc','v','--','-z'],options:{a:{type:'boolean',short:'a'},b:{type:'boolean',short:'b'},c:{type:'string',short:'c'}},allowPositionals:true,tokens:true})
  util.parseArgs({args:['--m','1','--m=2'],options:{m:{type:'string',multiple:true,default:['0']}}})
  util.parseArgs({args:[],options:{m:{type:'string',default:5}}})
  util.parseArgs({args:[],options:{m:{type:'number'}}})
  util.parseArgs({args:[],options:{m:{type:'string',short:'mm'}}})
  util.parseArgs({args:['-x'],options:{m:{type:'string'}}})
  util.parseArgs({args:'x'})
  util.promisify(5)
  util.promisify((a,cb)=>cb(null,a)).length
  util.callbackify(5)
  util.callbackify(async function foo(a){}).name
  util.stripVTControlCharacters('\u001b[31mx\u001b[0m\u001b]8;;u\u0007t')
  util.stripVTControlCharacters(5)
  util.toUSVString('a\ud800')
  util.isDeepStrictEqual({a:[1,new Map([[1,{b:2}]])]},{a:[1,new Map([[1,{b:2}]])]})
  util.isDeepStrictEqual([1,,2],[1,undefined,2])
  util.isDeepStrictEqual(new Set([{a:1}]),new Set([{a:1}]))
  util.isDeepStrictEqual(0,-0)
  util.isDeepStrictEqual(NaN,NaN)
  util.isDeepStrictEqual(new Date(0),new Date(0))
  util.isDeepStrictEqual(/a/g,/a/i)
  util.isDeepStrictEqual(new Error('a'),new Error('b'))
  util.isDeepStrictEqual([1],{0:1,length:1})
  util.isDeepStrictEqual(Object(1),Object(1))
  util.isDeepStrictEqual(new Uint8Array(2),new Uint8Array(2))
  util.isDeepStrictEqual(new Float32Array([0]),new Float32Array([-0]))
  util.getSystemErrorName(-2)
  util.getSystemErrorName(5)
  util.getSystemErrorName('x')
  util.getSystemErrorMap().get(-13)
  util.getSystemErrorMap().size
  util.types.isGeneratorObject((function*(){})())
  util.types.isModuleNamespaceObject({})
  util.types.isExternal({})
  util.types.isArgumentsObject((function(){return arguments})())
  util.types.isNativeError(new (class A extends Error{})())
  util.types.isPromise({then(){}})
  util.types.isSetIterator(new Set().keys())
  util.types.isBoxedPrimitive(Object('x'))
  util.types.isDate(Object.create(Date.prototype))
  util.types.isRegExp({[Symbol.toStringTag]:'RegExp'})
  util.types.isSymbolObject(Object(Symbol()))
  util._extend({a:1},{b:2})
  util._extend({a:1},5)
  new util.MIMEType('text/html; charset=utf-8;q="a b"')
  String(new util.MIMEType('TEXT/html; Charset=UTF-8;q="a b"'))
  new util.MIMEType('text').type
  { const m=new util.MIMEType('a/b;x=1'); m.params.set('y','z z'); m.params.delete('x'); return [m.essence,m.params.get('y'),[...m.params],m.toString()] }
  util.types.isKeyObject({})
  util.types.isCryptoKey({})
  util.isArray===Array.isArray
  util.promisify.custom
  util.inspect.custom
  util.promisify(Object.assign((a,cb)=>cb(),{[util.promisify.custom]:5}))
`;

describe("util", () => {
  it("prints as Node prints", () => sameOfAll(linesOf(INSPECT), ours, nodes));
  it("formats as Node formats", () => sameOfAll(linesOf(FORMAT), ours, nodes));
  it("does otherwise what Node does", () => sameOfAll(linesOf(OTHERS), ours, nodes));
});
