/** `util.parseArgs`: arguments of a command line as options and positionals, with Node's rules and errors. */

import { invalidArgType, invalidArgValue, nodeError } from "../errors.ts";
import { validateBoolean, validateObject, validateString } from "../validate.ts";

interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  readonly default?: unknown;
}

/** What `parseArgs` takes. */
export interface ParseArgsConfig {
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, Option>>;
  readonly strict?: boolean;
  readonly allowPositionals?: boolean;
  readonly tokens?: boolean;
  /** Whether `--no-NAME` sets the boolean option NAME to false. */
  readonly allowNegative?: boolean;
}

interface OptionToken {
  readonly kind: "option";
  readonly name: string;
  readonly rawName: string;
  readonly index: number;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}
type Token = OptionToken | { kind: "positional"; index: number; value: string } | { kind: "option-terminator"; index: number };

type Options = Readonly<Record<string, Option>>;

function checkDefault(value: unknown, option: Option, name: string): void {
  const at = `options.${name}.default`;
  const one = (item: unknown, where: string): void => {
    if (option.type === "string") validateString(item, where);
    else validateBoolean(item, where);
  };
  if (option.multiple !== true) return one(value, at);
  if (!Array.isArray(value)) throw invalidArgType(at, "Array", value);
  value.forEach((item, index) => one(item, `${at}[${index}]`));
}

function checkOptions(options: Options): void {
  validateObject(options, "options");
  for (const [name, option] of Object.entries(options)) {
    validateObject(option, `options.${name}`);
    const { type, short, multiple } = option as unknown as Record<string, unknown>;
    if (type !== "string" && type !== "boolean") throw invalidArgType(`options.${name}.type`, ["('string|boolean')"], type);
    if (Object.hasOwn(option, "short")) {
      validateString(short, `options.${name}.short`);
      if (short.length !== 1) throw invalidArgValue(`options.${name}.short`, short, "must be a single character");
    }
    if (Object.hasOwn(option, "multiple")) validateBoolean(multiple, `options.${name}.multiple`);
    const preset = (option as unknown as Record<string, unknown>).default;
    if (preset !== undefined) checkDefault(preset, option, name);
  }
}

const longOf = (options: Options, short: string): string => Object.entries(options).find(([, option]) => option.short === short)?.[0] ?? short;
const isValue = (word: string | undefined): boolean => word !== undefined && (word === "-" || !word.startsWith("-"));

interface Named {
  readonly name: string;
  readonly rawName: string;
  /** What stands in the same word. */
  readonly value?: string;
}

/** The option that a word names; undefined for a group of short options and for other words. */
function optionIn(word: string, options: Options): Named | undefined {
  if (/^--[^=]+$/.test(word)) return { name: word.slice(2), rawName: word };
  if (/^--[^]+=/.test(word)) {
    const equals = word.indexOf("=", 3);
    const name = word.slice(2, equals);
    return { name, rawName: `--${name}`, value: word.slice(equals + 1) };
  }
  if (!isShort(word)) return undefined;
  const short = word.charAt(1);
  const name = longOf(options, short);
  if (word.length === 2) return { name, rawName: word };
  return options[name]?.type === "string" ? { name, rawName: `-${short}`, value: word.slice(2) } : undefined;
}

const isShort = (word: string): boolean => /^-[^-]/.test(word);

/** Split the words into tokens; a group of short options is taken apart first. */
function tokenize(args: readonly string[], options: Options): Token[] {
  const tokens: Token[] = [];
  const rest: { word: string; index: number; grouped?: boolean }[] = args.map((word, index) => ({ word, index }));
  let group = 0;
  for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
    const { word, index } = item;
    const takesNext = (name: string): boolean => options[name]?.type === "string" && rest.length > 0 && (group === 0 || rest[0]?.grouped !== true);
    if (word === "--") {
      tokens.push({ kind: "option-terminator", index });
      for (const { word: value, index: at } of rest) tokens.push({ kind: "positional", index: at, value });
      return tokens;
    }
    const found = optionIn(word, options);
    if (found !== undefined) {
      const { name, rawName, value } = found;
      if (value === undefined && takesNext(name)) tokens.push({ kind: "option", name, rawName, index, value: rest.shift()?.word, inlineValue: false });
      else tokens.push({ kind: "option", name, rawName, index, value, inlineValue: value === undefined ? undefined : true });
    } else if (isShort(word)) {
      const parts = shortGroup(word, options);
      rest.unshift(...parts.map((part) => ({ word: part, index, grouped: true })));
      group = parts.length;
    } else tokens.push({ kind: "positional", index, value: word });
    if (group > 0) group -= 1;
  }
  return tokens;
}

/** `-abc` as `-a`, `-b`, `-c`, or `-a`, `-bc` when b takes the rest as its value. */
function shortGroup(word: string, options: Options): string[] {
  const parts: string[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const short = word.charAt(at);
    if (options[longOf(options, short)]?.type !== "string" || at === word.length - 1) parts.push(`-${short}`);
    else {
      parts.push(`-${word.slice(at)}`);
      break;
    }
  }
  return parts;
}

function usage(options: Options, token: OptionToken): string {
  const option = options[token.name];
  const short = option?.short === undefined ? "" : `-${option.short}, `;
  return `'${short}--${token.name}${option?.type === "string" ? " <value>" : ""}'`;
}

function checkUse(token: OptionToken, options: Options, allowPositionals: boolean): void {
  const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
  if (option === undefined) {
    const hint = allowPositionals ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- ${JSON.stringify(token.rawName)}` : "";
    throw nodeError(TypeError, "ERR_PARSE_ARGS_UNKNOWN_OPTION", `Unknown option '${token.rawName}'${hint}`);
  }
  if (option.type === "string" && typeof token.value !== "string") throw nodeError(TypeError, "ERR_PARSE_ARGS_INVALID_OPTION_VALUE", `Option ${usage(options, token)} argument missing`);
  if (option.type === "boolean" && token.value !== undefined) throw nodeError(TypeError, "ERR_PARSE_ARGS_INVALID_OPTION_VALUE", `Option ${usage(options, token)} does not take an argument`);
  if (token.inlineValue === false && !isValue(token.value)) {
    const long = token.rawName.startsWith("--");
    const forms = long ? `use '${token.rawName}=-XYZ'` : `use '--${token.name}=-XYZ' or '${token.rawName}-XYZ'`;
    throw nodeError(TypeError, "ERR_PARSE_ARGS_INVALID_OPTION_VALUE", `Option '${token.rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${token.rawName}'?\nTo specify an option argument starting with a dash ${forms}.`);
  }
}

function store(values: Record<string, unknown>, name: string, value: unknown, multiple: boolean): void {
  if (name === "__proto__") return;
  if (!multiple) values[name] = value;
  else if (Array.isArray(values[name])) (values[name] as unknown[]).push(value);
  else values[name] = [value];
}

/** Where the words of this process begin that are meant for its program. */
function ownArguments(): readonly string[] {
  const found = (globalThis as { process?: { argv: string[]; execArgv: string[] } }).process;
  const evaluated = found?.execArgv.some((word) => ["-e", "--eval", "-p", "--print"].includes(word)) === true;
  return found?.argv.slice(evaluated ? 1 : 2) ?? [];
}

interface Checked {
  readonly args: readonly string[];
  readonly strict: boolean;
  readonly allowPositionals: boolean;
  readonly options: Options;
}

function checkedConfig(given: ParseArgsConfig): Checked {
  const args = given.args ?? ownArguments();
  const strict = given.strict ?? true;
  const allowPositionals = given.allowPositionals ?? !strict;
  const options = given.options ?? {};
  if (!Array.isArray(args)) throw invalidArgType("args", "Array", args);
  validateBoolean(strict, "strict");
  validateBoolean(allowPositionals, "allowPositionals");
  if (given.tokens !== undefined) validateBoolean(given.tokens, "tokens");
  checkOptions(options);
  return { args, strict, allowPositionals, options };
}

/** The option that is meant: with `allowNegative`, `--no-NAME` means NAME, and false. */
function meant(token: OptionToken, allowNegative: boolean): { found: OptionToken; value: unknown } {
  if (!allowNegative || token.value !== undefined || !token.name.startsWith("no-")) return { found: token, value: token.value ?? true };
  return { found: { ...token, name: token.name.slice(3) }, value: false };
}

function addDefaults(values: Record<string, unknown>, options: Options): void {
  for (const [name, option] of Object.entries(options)) {
    if (option.default !== undefined && values[name] === undefined && name !== "__proto__") values[name] = option.default;
  }
}

/** Parse; throws ERR_PARSE_ARGS_* when `strict` (the default) finds a word that the options do not allow. */
export function parseArgs(config: ParseArgsConfig = {}): unknown {
  validateObject(config, "config");
  const given = config as ParseArgsConfig;
  const { args, strict, allowPositionals, options } = checkedConfig(given);
  const tokens = tokenize(args, options);
  const values = Object.create(null) as Record<string, unknown>;
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option") {
      const { found, value } = meant(token, given.allowNegative === true);
      if (strict) checkUse(found, options, allowPositionals);
      store(values, found.name, value, options[found.name]?.multiple === true);
    } else if (token.kind === "positional") {
      if (!allowPositionals) throw nodeError(TypeError, "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL", `Unexpected argument '${token.value}'. This command does not take positional arguments`);
      positionals.push(token.value);
    }
  }
  addDefaults(values, options);
  return given.tokens === true ? { values, positionals, tokens } : { values, positionals };
}
