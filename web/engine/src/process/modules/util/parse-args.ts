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

/** Split the words into tokens; a group of short options is taken apart first. */
function tokenize(args: readonly string[], options: Options): Token[] {
  const tokens: Token[] = [];
  const rest: { word: string; index: number; grouped?: boolean }[] = args.map((word, index) => ({ word, index }));
  let group = 0;
  for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
    const { word, index } = item;
    const next = rest[0]?.word;
    const option = (name: string, rawName: string, value: string | undefined, inline: boolean | undefined): void => {
      tokens.push({ kind: "option", name, rawName, index, value, inlineValue: inline });
    };
    const takesNext = (name: string): boolean => options[name]?.type === "string" && next !== undefined && (group === 0 || rest[0]?.grouped !== true);
    if (word === "--") {
      tokens.push({ kind: "option-terminator", index });
      for (const { word: value, index: at } of rest) tokens.push({ kind: "positional", index: at, value });
      return tokens;
    }
    if (/^-[^-]$/.test(word)) {
      const name = longOf(options, word.charAt(1));
      if (takesNext(name)) option(name, word, rest.shift()?.word, false);
      else option(name, word, undefined, undefined);
    } else if (/^-[^-]/.test(word)) {
      const short = word.charAt(1);
      const name = longOf(options, short);
      if (options[name]?.type === "string") option(name, `-${short}`, word.slice(2), true);
      else {
        const parts = shortGroup(word, options);
        rest.unshift(...parts.map((part) => ({ word: part, index, grouped: true })));
        group = parts.length;
      }
    } else if (/^--[^=]+$/.test(word)) {
      const name = word.slice(2);
      if (takesNext(name)) option(name, word, rest.shift()?.word, false);
      else option(name, word, undefined, undefined);
    } else if (/^--[^]+=/.test(word)) {
      const equals = word.indexOf("=", 3);
      const name = word.slice(2, equals);
      option(name, `--${name}`, word.slice(equals + 1), true);
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

/** Parse; throws ERR_PARSE_ARGS_* when `strict` (the default) finds a word that the options do not allow. */
export function parseArgs(config: ParseArgsConfig = {}): unknown {
  validateObject(config, "config");
  const given = config as ParseArgsConfig;
  const args = given.args ?? ownArguments();
  const strict = given.strict ?? true;
  const allowPositionals = given.allowPositionals ?? !strict;
  const options = given.options ?? {};
  if (!Array.isArray(args)) throw invalidArgType("args", "Array", args);
  validateBoolean(strict, "strict");
  validateBoolean(allowPositionals, "allowPositionals");
  if (given.tokens !== undefined) validateBoolean(given.tokens, "tokens");
  checkOptions(options);
  const tokens = tokenize(args, options);
  const values = Object.create(null) as Record<string, unknown>;
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option") {
      const negated = given.allowNegative === true && token.value === undefined && token.name.startsWith("no-");
      const found = negated ? { ...token, name: token.name.slice(3) } : token;
      if (strict) checkUse(found, options, allowPositionals);
      store(values, found.name, found.value ?? !negated, options[found.name]?.multiple === true);
    } else if (token.kind === "positional") {
      if (!allowPositionals) throw nodeError(TypeError, "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL", `Unexpected argument '${token.value}'. This command does not take positional arguments`);
      positionals.push(token.value);
    }
  }
  for (const [name, option] of Object.entries(options)) {
    if (option.default !== undefined && values[name] === undefined && name !== "__proto__") values[name] = option.default;
  }
  return given.tokens === true ? { values, positionals, tokens } : { values, positionals };
}
