import node from "node:buffer";
import { describe, it, vi } from "vitest";
import { bufferModule } from "../../src/process/modules/buffer.ts";
import { linesOf, sameOfAll } from "./expressions.ts";

// The modules are written for a Worker.
vi.hoisted(() => Object.assign(globalThis, { postMessage: () => undefined }));

const ours = { Buffer: bufferModule.Buffer, buffer: bufferModule };
const nodes = { Buffer: node.Buffer, buffer: node };

const MAKING = String.raw`
  Buffer.alloc(10,'abc')
  Buffer.alloc(-1)
  Buffer.alloc('5')
  Buffer.alloc(2**40)
  Buffer.alloc(5,'')
  Buffer.alloc(5,'zz','hex')
  Buffer.alloc(5,'a','nope')
  Buffer.alloc(5,256)
  Buffer.alloc(5,Buffer.alloc(0))
  Buffer.alloc(4,-1)
  Buffer.alloc(4,3.7)
  Buffer.alloc(4,true)
  Buffer.allocUnsafe(NaN)
  Buffer.allocUnsafeSlow(-5)
  Buffer.from(5)
  Buffer.from(null)
  Buffer.from(undefined)
  Buffer.from({})
  Buffer.from({length:3,0:1,1:'2',2:300})
  Buffer.from({type:'Buffer',data:[1,2,3]})
  Buffer.from({type:'Buffer',data:'x'})
  Buffer.from(new String('hello'))
  Buffer.from({[Symbol.toPrimitive](){return 'prim'}})
  Buffer.from({valueOf(){return 'vo'}})
  Buffer.from(Symbol('x'))
  Buffer.from(()=>1)
  Buffer.from([1.5,-1,256,'7','x',null,undefined,true])
  Buffer.from(new Uint16Array([1,256,65535]))
  Buffer.from(new ArrayBuffer(8),2,3)
  Buffer.from(new ArrayBuffer(8),9)
  Buffer.from(new ArrayBuffer(8),2,30)
  Buffer.from(new ArrayBuffer(8),-1)
  Buffer.from(new ArrayBuffer(8),'3')
  Buffer.from(new DataView(new ArrayBuffer(3)))
  Buffer.from(new Set([1,2]))
  Buffer.from('abc','nope')
  Buffer.from('abc',null)
  Buffer.from('abc',5)
  Buffer.from('zz','hex')
  Buffer.from('abc','hex')
  Buffer.from('abxxcd','hex')
  Buffer.from('YWJj\nZGVm','base64')
  Buffer.from('YWJ-_','base64')
  Buffer.from('YWJj=ZGVm','base64')
  Buffer.from('YW=J','base64')
  Buffer.from('YQ','base64url')
  Buffer.from('Y','base64')
  Buffer.from('  YQ==  ','base64')
  Buffer.from('\u00ff\u0100\u20ac','latin1')
  Buffer.from('\u00ff\u0100\u20ac','ascii')
  Buffer.from('\ud800a\udc00\ud83d\ude00','utf8')
  Buffer.from('\ud83d\ude00','utf16le')
  Buffer.from([0xff,0xfe,0xc3,0x28,0xe2,0x82,0xf0,0x9f,0x98,0x41,0xed,0xa0,0x80]).toString()
  Buffer.from([1,2,3]).toString('utf16le')
  Buffer.from([0x81,0xff,0x41]).toString('ascii')
  Buffer.from([1,2,3]).toString('nope')
  Buffer.from([1,2,3]).toString(5)
  Buffer.from([1,2,3]).toString(null)
  Buffer.byteLength('YWJj','base64')
  Buffer.byteLength('YQ==','base64')
  Buffer.byteLength('YQ=','base64url')
  Buffer.byteLength('abc','hex')
  Buffer.byteLength('\ud800')
  Buffer.byteLength(5)
  Buffer.byteLength(new ArrayBuffer(7))
  Buffer.byteLength('abc','nope')
  Buffer.compare(Buffer.from('a'),Buffer.from('b'))
  Buffer.compare('a',Buffer.from('b'))
  Buffer.compare(Buffer.from('b'),'a')
  Buffer.concat([Buffer.from('a'),new Uint8Array([98])])
  Buffer.concat([Buffer.from('abc')],2)
  Buffer.concat([Buffer.from('abc')],5)
  Buffer.concat([],-1)
  Buffer.concat('x')
  Buffer.concat([1])
  Buffer.concat([Buffer.from('abc')],'2')
  Buffer.concat([])
  Buffer.copyBytesFrom(new Uint16Array([1,2,3]),1,1)
  Buffer.copyBytesFrom('x')
  Buffer.copyBytesFrom(new Uint16Array([1,2,3]),5)
  Buffer.copyBytesFrom(new Uint16Array([1,2,3]),-1)
  Buffer.of(1,2,300)
  Buffer.from('a\0b\0c\0','latin1').indexOf('b','utf16le')
  Buffer.from('xa\0b\0c\0','latin1').indexOf('b',0,'utf16le')
  Buffer.from('a\0b\0a\0','latin1').lastIndexOf('a','utf16le')
  Buffer.alloc(60,1)
  Buffer.alloc(3).write('abcdef')
  Buffer.alloc(3).write('€€')
  Buffer.alloc(5).write('abc',3)
  Buffer.alloc(5).write('abc',6)
  Buffer.alloc(5).write('abc',-1)
  Buffer.alloc(5).write('abc',1,1)
  Buffer.alloc(5).write('abc',1,9)
  Buffer.alloc(5).write('abc',1,'latin1')
  Buffer.alloc(5).write('abc','latin1')
  Buffer.alloc(5).write('abc','nope')
  Buffer.alloc(5).write('abc',1,1,'nope')
  Buffer.alloc(5).write(5)
  Buffer.alloc(5).write('abc','1')
  Buffer.alloc(5).write('abc',1.5)
  Buffer.alloc(5).write('abcd',0,'hex')
  Buffer.alloc(5).write('abcz12',0,'hex')
  Buffer.alloc(5).write('€',4,'utf16le')
  Buffer.from('ab').constructor.name
  Buffer.from('€').asciiSlice()
  Buffer.from('€').latin1Slice(0,2)
  Buffer.from('€').hexSlice(1)
  Buffer.from('€').utf8Slice(0,9)
  Buffer.alloc(4).utf8Write('abc',1)
  Buffer.alloc(4).latin1Write('abc',1,2)
  Buffer.alloc(4).hexWrite('ab',5)
`;

const USING = String.raw`
  Buffer.from('hello').toString('utf8',1,3)
  Buffer.from('hello').toString('utf8',-3,'4')
  Buffer.from('hello').toString('utf8',NaN,2.9)
  Buffer.from('hello').toString('utf8',3,1)
  Buffer.from('hello').toString('utf8',1e20)
  ['ucs2','UCS-2','UTF-16LE','binary','LATIN1','Base64','base64URL','UTF8','utf-8','hex','x','',null].map(e=>Buffer.isEncoding(e))
  Buffer.poolSize
  Buffer.from('hello').fill('xy',1,4)
  Buffer.from('hello').fill('xy',1,9)
  Buffer.from('hello').fill('xy',-1)
  Buffer.from('hello').fill('')
  Buffer.from('hello').fill('abcd','hex')
  Buffer.from('hello').fill('zz','hex')
  Buffer.from('hello').fill('é')
  Buffer.from('hello').fill(0x1ff)
  Buffer.from('hello').fill('a',0,3,'nope')
  Buffer.from('hello').fill('a','1')
  Buffer.from('hello').fill(new Uint8Array([1,2]))
  Buffer.from('hello').fill({})
  Buffer.from('hello').fill(undefined)
  Buffer.from('hello').indexOf('l')
  Buffer.from('hello').indexOf('l',-2)
  Buffer.from('hello').indexOf('')
  Buffer.from('hello').indexOf('',99)
  Buffer.from('hello').indexOf('',3)
  Buffer.from('hello').indexOf(0x6c)
  Buffer.from('hello').indexOf(0x16c)
  Buffer.from('hello').indexOf(108.9)
  Buffer.from('hello').indexOf(Buffer.from('lo'))
  Buffer.from('hello').indexOf({})
  Buffer.from('hello').indexOf()
  Buffer.from('hello').indexOf(null)
  Buffer.from('hello').indexOf('l',undefined)
  Buffer.from('hello').indexOf('l',null)
  Buffer.from('hello').indexOf('l','2')
  Buffer.from('hello').indexOf('l',{})
  Buffer.from('hello').indexOf('6c','hex')
  Buffer.from('hello').indexOf('6c6','hex')
  Buffer.from('hello').indexOf('l','nope')
  Buffer.from('hello').lastIndexOf('l')
  Buffer.from('hello').lastIndexOf('l',2)
  Buffer.from('hello').lastIndexOf('l',-3)
  Buffer.from('hello').lastIndexOf('')
  Buffer.from('hello').lastIndexOf('l',NaN)
  Buffer.from('hello').lastIndexOf('l',null)
  Buffer.from('hello').lastIndexOf('l',undefined)
  Buffer.from('hello').lastIndexOf(Buffer.from('hellohello'))
  Buffer.from('hello').includes('ell',1)
  Buffer.from('hello').includes('ell',2)
  Buffer.from('hello').equals(new Uint8Array([104]))
  Buffer.from('hello').equals('x')
  Buffer.from('hello').compare(Buffer.from('xhellox'),1,6)
  Buffer.from('hello').compare(Buffer.from('xhellox'),1,60)
  Buffer.from('hello').compare(Buffer.from('x'),5)
  Buffer.from('hello').compare(Buffer.from('x'),0,0)
  Buffer.from('hello').compare(Buffer.from('x'),0,1,2,1)
  Buffer.from('hello').compare(Buffer.from('x'),-1)
  Buffer.from('hello').compare('x')
  Buffer.from('hello').compare(Buffer.from('x'),0.5)
  Buffer.from('abcd').swap16()
  Buffer.from('abc').swap16()
  Buffer.from('abcd').swap32()
  Buffer.from('abc').swap32()
  Buffer.from('abcdefgh').swap64()
  Buffer.from('abc').swap64()
  Buffer.from('hello').slice(-3,-1)
  Buffer.from('hello').slice('1','3')
  Buffer.from('hello').subarray(1.7,NaN)
  Buffer.from('hello').subarray(3,1)
  Buffer.from('hello').toJSON()
  JSON.stringify(Buffer.from('hi'))
  Buffer.from('hello').toLocaleString('hex')
  Buffer.from('hello').inspect()
  Buffer.from('hello').copy(Buffer.alloc(3))
  Buffer.from('hello').copy(Buffer.alloc(3),1,2)
  Buffer.from('hello').copy(Buffer.alloc(3),1,9)
  Buffer.from('hello').copy(Buffer.alloc(3),9)
  Buffer.from('hello').copy(Buffer.alloc(3),-1)
  Buffer.from('hello').copy(Buffer.alloc(3),0,-1)
  Buffer.from('hello').copy(Buffer.alloc(3),0,0,-1)
  Buffer.from('hello').copy(Buffer.alloc(3),0,2,1)
  Buffer.from('hello').copy('x')
  Buffer.from('hello').copy(new Uint16Array(3))
  Buffer.from('abc').at(-1)
  Buffer.from('abc').map(x=>x+1)
  Buffer.from('abc').filter(x=>x>97)
  Buffer.from('abc').reverse()
  buffer.constants
  buffer.kMaxLength
  buffer.kStringMaxLength
  buffer.INSPECT_MAX_BYTES
  buffer.isUtf8(Buffer.from([0xff]))
  buffer.isUtf8('x')
  buffer.isAscii(Buffer.from([0x7f]))
  buffer.isAscii(new Uint16Array([1]))
  buffer.transcode(Buffer.from('€é'),'utf8','latin1')
  buffer.transcode(Buffer.from('€é'),'utf8','ascii')
  buffer.transcode(Buffer.from('€é'),'utf8','utf16le')
  buffer.transcode(Buffer.from('€é'),'utf8','hex')
  buffer.transcode(Buffer.from('e9','hex'),'latin1','utf8')
  buffer.transcode('x','utf8','latin1')
  buffer.transcode(Buffer.from('abc'),'ascii','ucs2')
  new Buffer.from('x')
  [Buffer.from('a')]
`;

const BYTES = "Buffer.from('f1f2f3f4f5f6f7f8f9fa','hex')";
const OFFSETS = ["", "0", "1", "'1'", "1.5", "-1", "20", "NaN", "null", "undefined", "Infinity", "9", "6", "2"];
const VALUES = {
  whole: "0 1 -1 127 128 -128 -129 255 256 32767 32768 65535 65536 -32769 2147483647 2147483648 4294967295 4294967296 -2147483649 1.5 '5' 'x' NaN Infinity null undefined 5n".split(" "),
  big: "0n 1n -1n 2n**63n 2n**63n-1n -(2n**63n) -(2n**63n)-1n 2n**64n 2n**64n-1n 5 '5' undefined".split(" "),
  float: "0 -0 1.1 -1e300 NaN Infinity '5' undefined null 5n 1e-45".split(" "),
};
const both = (names: readonly string[]): string[] => names.flatMap((name) => [`${name}LE`, `${name}BE`]);
const written = (call: string): string => `{ const b = Buffer.alloc(10, 7); return [b.${call}, b.toString('hex')]; }`;

function numbers(kind: keyof typeof VALUES, name: string): string[] {
  const one = kind === "big" ? "1n" : "1";
  return [
    ...OFFSETS.map((offset) => `${BYTES}.read${name}(${offset})`),
    ...VALUES[kind].map((value) => written(`write${name}(${value})`)),
    ...OFFSETS.slice(1).map((offset) => written(`write${name}(${one}, ${offset})`)),
  ];
}

function widths(name: string): string[] {
  const values = ["1", "-1", "2**7", "2**15", "2**23", "2**31", "2**39", "2**47", "2**48", "-(2**47)-1", "'7'"];
  return ["1", "2", "3", "4", "5", "6", "0", "7", "undefined", "'3'", "1.5", "null"].flatMap((width) => [
    `${BYTES}.read${name}(1, ${width})`, ...values.map((value) => written(`write${name}(${value}, 1, ${width})`)),
  ]);
}

describe("Buffer", () => {
  it("is made of what Node's is made of", () => sameOfAll(linesOf(MAKING), ours, nodes));
  it("does what Node's does, and refuses what it refuses", () => sameOfAll(linesOf(USING), ours, nodes));
  it.each(["Int8", "UInt8", ...both(["Int16", "UInt16", "Int32", "UInt32"])])("reads and writes %s", (name) => sameOfAll(numbers("whole", name), ours, nodes));
  it.each(both(["BigInt64", "BigUInt64"]))("reads and writes %s", (name) => sameOfAll(numbers("big", name), ours, nodes));
  it.each(both(["Float", "Double"]))("reads and writes %s", (name) => sameOfAll(numbers("float", name), ours, nodes));
  it.each(both(["Int", "UInt"]))("reads and writes %s of one to six bytes", (name) => sameOfAll(widths(name), ours, nodes));
});
