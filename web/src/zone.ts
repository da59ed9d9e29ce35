// Local times: whether one is valid in a zone, and when that is.
//
// Answers for the same rules as src/manifest/schedule.rs: a zone is `UTC` or an IANA name with a
// slash; a time that clocks skip stands for the first valid moment, a doubled one for its first.

export interface Moment {
  instant: number;
  kind: "once" | "missing" | "twice";
}

export function isZone(name: string): boolean {
  if (name !== "UTC" && !name.includes("/")) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** The reader's own zone. */
export function ownZone(): string {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone !== undefined && isZone(zone) ? zone : "UTC";
}

export function zones(): string[] {
  return Intl.supportedValuesOf("timeZone").filter((zone) => zone.includes("/"));
}

/** `2026-12-01T02:00` in a zone that is one. */
export function moment(at: string, zone: string): Moment | null {
  const local = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(at) ? Date.parse(`${at}:00Z`) : NaN;
  if (Number.isNaN(local)) return null;
  const day = 86_400_000;
  const offsets = [offset(local - day, zone), offset(local + day, zone)];
  const fits = [...new Set(offsets)].map((it) => local - it)
    .filter((instant) => instant + offset(instant, zone) === local);
  const [first, second] = fits.sort((a, b) => a - b);
  if (first === undefined) return { instant: gapEnd(local, zone, offsets), kind: "missing" };
  return { instant: first, kind: second === undefined ? "once" : "twice" };
}

/** When clocks go forward over a local time: between what the two offsets make of it. */
function gapEnd(local: number, zone: string, offsets: number[]): number {
  let before = local - Math.max(...offsets);
  let after = local - Math.min(...offsets);
  const later = offset(after, zone);
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2);
    if (offset(middle, zone) === later) after = middle;
    else before = middle;
  }
  return Math.round(after / 60_000) * 60_000;
}

/** How far a zone's clocks are ahead of UTC, in milliseconds. */
function offset(instant: number, zone: string): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric",
  });
  const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return local - Math.floor(instant / 1000) * 1000;
}

/** The local time of a moment: `03:00`. */
export function clock(instant: number, zone: string): string {
  const format = { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat("en-GB", format).format(instant);
}
