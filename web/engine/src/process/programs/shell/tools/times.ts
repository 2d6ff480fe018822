/** Times as `date`, `touch`, `ls` and `stat` read and write them. */

import { ToolError } from "./options.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAY_MS = 86_400_000;

/** Short names that browsers have in no English. */
const ASIA: Readonly<Record<string, string>> = { "Asia/Tokyo": "JST", "Asia/Seoul": "KST", "Asia/Shanghai": "CST", "Asia/Hong_Kong": "HKT", "Asia/Kolkata": "IST", "Asia/Singapore": "+08" };

/** A moment as a clock of some zone shows it. */
export class Clock {
  /** A date whose UTC fields are the fields of the zone. */
  readonly fields: Date;
  /** Minutes east of Greenwich. */
  readonly offset: number;

  constructor(readonly ms: number, readonly zone: string) {
    this.offset = offsetOf(ms, zone);
    this.fields = new Date(ms + this.offset * 60_000);
  }

  /** `+0100`, `+01:00` with one colon, and so on. */
  east(colons: number): string {
    const minutes = Math.abs(this.offset);
    const [hours, rest] = [pad(Math.floor(minutes / 60), 2), pad(minutes % 60, 2)];
    return `${this.offset < 0 ? "-" : "+"}${hours}${colons > 0 ? ":" : ""}${rest}${colons > 1 ? ":00" : ""}`;
  }

  get zoneName(): string {
    if (this.offset === 0) return "UTC";
    const own = ASIA[this.zone];
    if (own !== undefined) return own;
    for (const language of ["en-US", "en-GB", "en-AU", "en-ZA", "en-IN"]) {
      const part = new Intl.DateTimeFormat(language, { timeZone: this.zone, timeZoneName: "short" }).formatToParts(this.ms).find(({ type }) => type === "timeZoneName")?.value ?? "";
      if (/^[A-Z]+$/.test(part)) return part;
    }
    return this.east(0).replace(/00$/, "");
  }
}

/** The zone that TZ names; UTC without one, as in a machine that has none set. */
export function zoneOf(name: string | undefined): string {
  const zone = (name ?? "").replace(/^:/, "");
  if (zone === "" || /^(UTC0?|GMT0?)$/.test(zone)) return "UTC";
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return zone;
  } catch {
    throw new ToolError(`the time zone '${zone}' is not supported by the local WebContainer engine`);
  }
}

function offsetOf(ms: number, zone: string): number {
  if (zone === "UTC") return 0;
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(ms);
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  return Math.round((Date.UTC(value("year"), value("month") - 1, value("day"), value("hour"), value("minute"), value("second")) - ms) / 60_000);
}

export function pad(value: number, size: number, fill = "0"): string {
  const text = String(Math.abs(value)).padStart(size - (value < 0 ? 1 : 0), fill);
  return value < 0 ? `-${text}` : text;
}

/** The week of the year, by ISO 8601, and the year that it is of. */
function isoWeek(date: Date): { week: number; year: number } {
  const thursday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 4 - (date.getUTCDay() || 7)));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY_MS + 1) / 7) };
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1;
}

/** Fields by their letter: the value, how many digits, and with what they are filled. */
function numberField(letter: string, date: Date): [value: number, size: number, fill: string] | null {
  const hour12 = date.getUTCHours() % 12 || 12;
  switch (letter) {
    case "Y": return [date.getUTCFullYear(), 4, "0"];
    case "C": return [Math.floor(date.getUTCFullYear() / 100), 2, "0"];
    case "y": return [date.getUTCFullYear() % 100, 2, "0"];
    case "m": return [date.getUTCMonth() + 1, 2, "0"];
    case "d": return [date.getUTCDate(), 2, "0"];
    case "e": return [date.getUTCDate(), 2, " "];
    case "H": return [date.getUTCHours(), 2, "0"];
    case "k": return [date.getUTCHours(), 2, " "];
    case "I": return [hour12, 2, "0"];
    case "l": return [hour12, 2, " "];
    case "M": return [date.getUTCMinutes(), 2, "0"];
    case "S": return [date.getUTCSeconds(), 2, "0"];
    case "j": return [dayOfYear(date), 3, "0"];
    case "u": return [date.getUTCDay() || 7, 1, "0"];
    case "w": return [date.getUTCDay(), 1, "0"];
    case "q": return [Math.floor(date.getUTCMonth() / 3) + 1, 1, "0"];
    case "U": return [Math.floor((dayOfYear(date) + 6 - date.getUTCDay()) / 7), 2, "0"];
    case "W": return [Math.floor((dayOfYear(date) + 6 - ((date.getUTCDay() + 6) % 7)) / 7), 2, "0"];
    case "V": return [isoWeek(date).week, 2, "0"];
    case "G": return [isoWeek(date).year, 4, "0"];
    case "g": return [isoWeek(date).year % 100, 2, "0"];
    default: return null;
  }
}

const COMPOUND: Readonly<Record<string, string>> = { D: "%m/%d/%y", F: "%Y-%m-%d", T: "%H:%M:%S", R: "%H:%M", r: "%I:%M:%S %p", c: "%a %b %e %H:%M:%S %Y", x: "%m/%d/%y", X: "%H:%M:%S", h: "%b" };

function textField(letter: string, clock: Clock): string | null {
  const { fields } = clock;
  switch (letter) {
    case "a": return (DAYS[fields.getUTCDay()] ?? "").slice(0, 3);
    case "A": return DAYS[fields.getUTCDay()] ?? "";
    case "b": return (MONTHS[fields.getUTCMonth()] ?? "").slice(0, 3);
    case "B": return MONTHS[fields.getUTCMonth()] ?? "";
    case "p": return fields.getUTCHours() < 12 ? "AM" : "PM";
    case "P": return fields.getUTCHours() < 12 ? "am" : "pm";
    case "Z": return clock.zoneName;
    case "s": return String(Math.floor(clock.ms / 1000));
    case "n": return "\n";
    case "t": return "\t";
    case "%": return "%";
    default: return null;
  }
}

/** Write a time as `date +FORMAT` does. */
export function formatTime(format: string, clock: Clock): string {
  return format.replace(/%([-_0^#]*)(\d*)(:*)([A-Za-z%])/g, (all: string, flags: string, size: string, colons: string, letter: string) => {
    const compound = COMPOUND[letter];
    let text: string;
    if (compound !== undefined) text = formatTime(compound, clock);
    else if (letter === "z") text = clock.east(colons.length);
    else if (letter === "N") text = pad(Math.round((clock.ms - Math.floor(clock.ms / 1000) * 1000) * 1e6), 9).slice(0, size === "" ? 9 : Number(size));
    else {
      const number = numberField(letter, clock.fields);
      const word = number === null ? textField(letter, clock) : null;
      if (number === null && word === null) return all;
      if (number !== null) {
        const fill = flags.includes("_") ? " " : flags.includes("0") ? "0" : number[2];
        text = flags.includes("-") ? String(number[0]) : pad(number[0], Math.max(number[1], Number(size)), fill);
      } else text = (word ?? "").padStart(Number(size), flags.includes("0") ? "0" : " ");
    }
    if (flags.includes("^")) return text.toUpperCase();
    return flags.includes("#") ? (letter === "p" ? text.toLowerCase() : text.toUpperCase()) : text;
  });
}

const UNITS: Readonly<Record<string, number>> = { sec: 1000, second: 1000, min: 60_000, minute: 60_000, hour: 3_600_000, day: DAY_MS, week: 7 * DAY_MS, fortnight: 14 * DAY_MS };
const WORDS: Readonly<Record<string, number>> = { now: 0, today: 0, yesterday: -1, tomorrow: 1 };

/** Reads what `date -d` and `touch -d` take. */
class DateReader {
  private readonly fields: Date;
  private zone: number | null = null;
  private timed = false;
  private dated = false;
  private shiftMs = 0;
  private shiftMonths = 0;
  private rest: string;
  private instant: number | null = null;

  constructor(private readonly text: string, now: number, private readonly zoneName: string) {
    this.fields = new Date(new Clock(now, zoneName).fields.getTime());
    this.rest = text.trim();
  }

  read(): number {
    while (this.rest !== "") if (!this.item()) throw new ToolError(`invalid date ‘${this.text}’`);
    if (this.instant !== null) return this.instant + this.shiftMs;
    if (this.dated && !this.timed) this.fields.setUTCHours(0, 0, 0, 0);
    if (this.shiftMonths !== 0) this.fields.setUTCMonth(this.fields.getUTCMonth() + this.shiftMonths);
    const local = this.fields.getTime() + this.shiftMs;
    if (this.zone !== null) return local - this.zone * 60_000;
    const guess = local - offsetOf(local, this.zoneName) * 60_000;
    return local - offsetOf(guess, this.zoneName) * 60_000;
  }

  private take(what: RegExp): RegExpExecArray | null {
    const found = what.exec(this.rest);
    if (found !== null) this.rest = this.rest.slice(found[0].length).trimStart();
    return found;
  }

  private item(): boolean {
    return this.epoch() || this.date() || this.time() || this.relative() || this.word();
  }

  private epoch(): boolean {
    const found = this.take(/^@(-?\d+(?:\.\d+)?)/);
    if (found === null) return false;
    this.instant = Math.round(Number(found[1]) * 1000 * 1e6) / 1e6;
    return true;
  }

  private day(year: number, month: number, day: number): boolean {
    const made = new Date(Date.UTC(year, month, day));
    if (made.getUTCMonth() !== month || made.getUTCDate() !== day) throw new ToolError(`invalid date ‘${this.text}’`);
    this.fields.setUTCFullYear(year, month, day);
    this.dated = true;
    return true;
  }

  private date(): boolean {
    const iso = this.take(/^(\d{4})-(\d{1,2})-(\d{1,2})(?:T(?=\d)|(?=\s|$))/);
    if (iso !== null) return this.day(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]));
    const slashed = this.take(/^(\d{4})\/(\d{1,2})\/(\d{1,2})(?=\s|$)/);
    if (slashed !== null) return this.day(Number(slashed[1]), Number(slashed[2]) - 1, Number(slashed[3]));
    const american = this.take(/^(\d{1,2})\/(\d{1,2})\/(\d{4})(?=\s|$)/);
    if (american !== null) return this.day(Number(american[3]), Number(american[1]) - 1, Number(american[2]));
    const compact = this.take(/^(\d{4})(\d{2})(\d{2})(?=\s|$)/);
    if (compact !== null) return this.day(Number(compact[1]), Number(compact[2]) - 1, Number(compact[3]));
    return this.named();
  }

  private month(name: string): number {
    return MONTHS.findIndex((month) => month.toLowerCase() === name.toLowerCase() || (name.length >= 3 && month.slice(0, 3).toLowerCase() === name.toLowerCase()));
  }

  private named(): boolean {
    const first = /^(\d{1,2})[ -]([A-Za-z]{3,})[ -,]+(\d{4})(?=\s|$)/.exec(this.rest) ?? /^(\d{1,2}) ([A-Za-z]{3,})()(?=\s|$)/.exec(this.rest);
    const second = /^([A-Za-z]{3,}) +(\d{1,2})(?:,? +(\d{4}))?(?=\s|$)/.exec(this.rest);
    const [found, name, day] = first !== null ? [first, first[2], first[1]] : [second, second?.[1], second?.[2]];
    const month = name === undefined ? -1 : this.month(name);
    if (found === null || month < 0) return false;
    this.rest = this.rest.slice(found[0].length).trimStart();
    return this.day(found[3] === "" || found[3] === undefined ? this.fields.getUTCFullYear() : Number(found[3]), month, Number(day));
  }

  private time(): boolean {
    const found = this.take(/^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([ap]m)?(?=$|[\sZ+-]|[A-Z])/i) ?? this.take(/^(\d{1,2})()()()\s*([ap]m)(?=$|\s)/i);
    if (found === null) return false;
    const [, hour = "", minute = "", second = "", fraction = "", half = ""] = found;
    const hours = half === "" ? Number(hour) : (Number(hour) % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
    if (hours > 24 || Number(minute) > 59 || Number(second) > 60) throw new ToolError(`invalid date ‘${this.text}’`);
    this.fields.setUTCHours(hours, Number(minute), Number(second), Math.floor(Number(`0.${fraction}`) * 1000));
    this.timed = true;
    const zone = this.take(/^([-+])(\d{1,2}):?(\d{2})?(?=$|\s)(?!\s*(sec|min|hour|day|week|month|year))/);
    if (zone !== null) this.zone = (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3] ?? 0));
    return true;
  }

  private relative(): boolean {
    const found = this.take(/^([-+]?)\s*(\d+)\s*([a-z]+?)s?(\s+ago)?(?=$|[\s+-])/i) ?? this.take(/^()(next|last|this)\s+([a-z]+?)s?()(?=$|\s)/i);
    if (found === null) return false;
    const [, sign = "", count = "", unit = "", ago] = found;
    const amount = { next: 1, last: -1, this: 0 }[count.toLowerCase()] ?? Number(count) * (sign === "-" ? -1 : 1) * (ago === undefined || ago === "" ? 1 : -1);
    const name = unit.toLowerCase();
    const ms = UNITS[name];
    const day = DAYS.findIndex((each) => each.toLowerCase().startsWith(name) && name.length >= 3);
    if (ms !== undefined) this.shiftMs += amount * ms;
    else if (name === "month") this.shiftMonths += amount;
    else if (name === "year") this.shiftMonths += amount * 12;
    else if (day >= 0) this.weekday(day, amount);
    else return false;
    return true;
  }

  private weekday(day: number, which: number): void {
    const ahead = (day - this.fields.getUTCDay() + 7) % 7;
    const days = which < 0 ? (ahead === 0 ? -7 : ahead - 7) : which > 0 && ahead === 0 ? 7 : ahead;
    this.fields.setUTCDate(this.fields.getUTCDate() + days);
    this.dated = true;
  }

  private word(): boolean {
    const found = this.take(/^([A-Za-z]+)(?=$|[\s,]),?/);
    const name = (found?.[1] ?? "").toLowerCase();
    if (Object.hasOwn(WORDS, name)) {
      this.shiftMs += (WORDS[name] ?? 0) * DAY_MS;
      return true;
    }
    if (name === "utc" || name === "gmt" || name === "z") {
      this.zone = 0;
      return true;
    }
    if (name === "noon" || name === "midnight") {
      this.fields.setUTCHours(name === "noon" ? 12 : 0, 0, 0, 0);
      this.timed = true;
      return true;
    }
    if (name === "ago") return false;
    const day = name.length < 3 ? -1 : DAYS.findIndex((each) => each.toLowerCase() === name || each.slice(0, 3).toLowerCase() === name);
    if (day < 0) return false;
    if (!this.dated) this.weekday(day, 0);
    return true;
  }
}

/** A moment from text, in milliseconds since 1970. Throws ToolError. */
export function readTime(text: string, now: number, zone: string): number {
  if (text.trim() === "") {
    const start = new Clock(now, zone);
    return now - (start.fields.getTime() % DAY_MS);
  }
  return new DateReader(text, now, zone).read();
}
