/** A span of time, milliseconds. */
export interface Window {
  readonly from: number;
  /** The exclusive end. */
  readonly to: number;
}

/** Clocks of writers and databases differ, and a row is written before its commit is seen. */
const BEFORE_MS = 60_000;

/** The window of all time, for questions without a time. */
export const ALWAYS: Window = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** The spans around these moments, those that touch joined, in order. Pure. */
export function windowsAround(times: readonly number[], afterMs: number): readonly Window[] {
  const windows: Window[] = [];
  for (const time of times.toSorted((a, b) => a - b)) {
    const [from, to] = [time - BEFORE_MS, time + afterMs];
    const last = windows.at(-1);
    if (last === undefined || from > last.to) windows.push({ from, to });
    else windows.splice(-1, 1, { from: last.from, to: Math.max(last.to, to) });
  }
  return windows;
}

/** Returns the creation time in a UUIDv7, which begins with milliseconds; undefined for other ids. */
export function timeOfId(id: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/i.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Converts the windows' bounds to timestamps for SQL. */
export function bounds(windows: readonly Window[]): { readonly from: string[]; readonly to: string[] } {
  const text = (ms: number): string =>
    Number.isFinite(ms) ? new Date(ms).toISOString() : ms < 0 ? '-infinity' : 'infinity';
  return { from: windows.map(({ from }) => text(from)), to: windows.map(({ to }) => text(to)) };
}
