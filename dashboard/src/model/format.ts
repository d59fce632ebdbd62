// Numbers and times as people read them.

const DASH = "–";

/** Whole numbers with separators; others with as many digits as tell something. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** Short, for places with little room: 12.3k. */
export function brief(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (Math.abs(value) < 10_000) return number(value);
  return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
}

/** Events a second. */
export function rate(value: number | null | undefined): string {
  const text = brief(value);
  return text === DASH ? text : `${text}/s`;
}

/** A share that is given in percent; so near to 100 that it matters, with three places. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const digits = value > 99 && value < 100 ? 3 : value > 0 && value < 1 ? 3 : 1;
  // 99.9996 is not 100.
  const shown = value < 100 ? Math.min(Math.floor(value * 10 ** digits) / 10 ** digits, 100) : value;
  return `${shown.toLocaleString("en", { maximumFractionDigits: digits })} %`;
}

export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  if (value < 1) return `${number(value)} ms`;
  if (value < 1000) return `${number(Number(value.toPrecision(3)))} ms`;
  return duration(value / 1000);
}

/** Seconds as `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  if (seconds < 60) return `${number(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds))} s`;
  const whole = Math.round(seconds);
  const units: readonly [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([size]) => whole >= size);
  const parts = units.slice(first, first + 2).map(([size, name], place) => {
    const above = place === 0 ? Infinity : (units[first]?.[0] ?? Infinity);
    return [Math.floor((whole % above) / size), name] as const;
  });
  return parts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`).join(" ");
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, place] = [value, 0];
  for (; size >= 1024 && place + 1 < names.length; place += 1) size /= 1024;
  return `${place === 0 ? size : number(Number(size.toPrecision(3)))} ${names[place] ?? ""}`;
}

/** `1 event`, `2 events`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

/** The local time of day, with milliseconds where wanted; the day too when it is not today. */
export function clock(at: Date, now: Date, fraction = false): string {
  const time = at.toLocaleTimeString("en-GB", fraction ? { ...CLOCK, fractionalSecondDigits: 3 } : CLOCK);
  const isToday = at.toDateString() === now.toDateString();
  return isToday ? time : `${day(at)} ${time}`;
}

export function day(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** All of it, with the zone: what a time says when it is pointed at. */
export function zoned(at: Date, text?: string): string {
  const offset = -at.getTimezoneOffset();
  const zone = `UTC${offset < 0 ? "−" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${day(at)} ${clock(at, at, true)} ${zone} (${name}) = ${text ?? at.toISOString()}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
