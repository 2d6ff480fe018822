/** Times as `strftime` writes them, for `printf '%(…)T'`. */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** The parts of a moment in a time zone, and how far that is from UTC in minutes. */
interface Moment {
  readonly date: Date;
  readonly offset: number;
  readonly zone: string;
  readonly seconds: number;
}

/** A moment (seconds since 1970) as text; `zone` is a name such as `Europe/Rome`, UTC by default. */
export function formatTime(format: string, seconds: number, zone: string | undefined): string {
  return filled(format, momentOf(seconds, zone));
}

function momentOf(seconds: number, zone: string | undefined): Moment {
  const name = zone === undefined || zone === "" ? "UTC" : zone.replace(/^:/, "");
  try {
    const parts = new Intl.DateTimeFormat("en-US", { timeZone: name, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", timeZoneName: "short" }).formatToParts(seconds * 1000);
    const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? "0";
    const [year = 0, month = 1, day, hour, minute, second] = ["year", "month", "day", "hour", "minute", "second"].map((type) => Number(part(type)));
    const local = Date.UTC(year, month - 1, day, hour, minute, second);
    return { date: new Date(local), offset: Math.round((local - seconds * 1000) / 60_000), zone: part("timeZoneName"), seconds };
  } catch {
    // What no zone is called is UTC with that name.
    return { date: new Date(seconds * 1000), offset: 0, zone: /^[A-Za-z]+/.exec(name)?.[0] ?? "UTC", seconds };
  }
}

const two = (value: number, fill = "0"): string => String(value).padStart(2, fill);

const dayOfYear = (date: Date): number => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000);

/** Year and week of ISO 8601: a week belongs to the year that its Thursday is in. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * 86_400_000);
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

const hours12 = (date: Date): number => date.getUTCHours() % 12 || 12;
const offsetText = (offset: number): string => `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;

const CONVERSIONS: Readonly<Record<string, (moment: Moment) => string>> = {
  a: ({ date }) => (DAYS[date.getUTCDay()] ?? "").slice(0, 3), A: ({ date }) => DAYS[date.getUTCDay()] ?? "",
  b: ({ date }) => (MONTHS[date.getUTCMonth()] ?? "").slice(0, 3), h: ({ date }) => (MONTHS[date.getUTCMonth()] ?? "").slice(0, 3), B: ({ date }) => MONTHS[date.getUTCMonth()] ?? "",
  C: ({ date }) => two(Math.floor(date.getUTCFullYear() / 100)), y: ({ date }) => two(date.getUTCFullYear() % 100), Y: ({ date }) => String(date.getUTCFullYear()),
  d: ({ date }) => two(date.getUTCDate()), e: ({ date }) => two(date.getUTCDate(), " "), m: ({ date }) => two(date.getUTCMonth() + 1), j: ({ date }) => String(dayOfYear(date) + 1).padStart(3, "0"),
  H: ({ date }) => two(date.getUTCHours()), k: ({ date }) => two(date.getUTCHours(), " "), I: ({ date }) => two(hours12(date)), l: ({ date }) => two(hours12(date), " "),
  M: ({ date }) => two(date.getUTCMinutes()), S: ({ date }) => two(date.getUTCSeconds()), p: ({ date }) => (date.getUTCHours() < 12 ? "AM" : "PM"), P: ({ date }) => (date.getUTCHours() < 12 ? "am" : "pm"),
  u: ({ date }) => String(date.getUTCDay() || 7), w: ({ date }) => String(date.getUTCDay()), s: ({ seconds }) => String(Math.floor(seconds)),
  G: ({ date }) => String(isoWeek(date).year), g: ({ date }) => two(isoWeek(date).year % 100), V: ({ date }) => two(isoWeek(date).week),
  U: ({ date }) => two(Math.floor((dayOfYear(date) + 7 - date.getUTCDay()) / 7)), W: ({ date }) => two(Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 6) % 7)) / 7)),
  z: ({ offset }) => offsetText(offset), Z: ({ zone }) => zone, n: () => "\n", t: () => "\t", "%": () => "%",
};

/** Conversions that stand for several. */
const COMPOSED: Readonly<Record<string, string>> = { D: "%m/%d/%y", F: "%Y-%m-%d", T: "%H:%M:%S", R: "%H:%M", r: "%I:%M:%S %p", X: "%H:%M:%S", x: "%m/%d/%y", c: "%a %b %e %H:%M:%S %Y" };

function filled(format: string, moment: Moment): string {
  return format.replace(/%[EO]?([a-zA-Z%])/g, (all, letter: string) => {
    const composed = Object.hasOwn(COMPOSED, letter) ? COMPOSED[letter] : undefined;
    if (composed !== undefined) return filled(composed, moment);
    return (Object.hasOwn(CONVERSIONS, letter) ? CONVERSIONS[letter]?.(moment) : undefined) ?? all;
  });
}
