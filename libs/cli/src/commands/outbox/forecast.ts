export interface Forecast {
  readonly eventsPerDay: number;
  /** With indexes. */
  readonly bytesPerEvent: number;
  readonly bytesPerDay: number;
  readonly measuredOverMs: number;
}

export interface ForecastFacts {
  /** Ids handed out since the oldest tick that is kept; rolled back ones among them. */
  readonly sinceOldest: number;
  readonly oldestTickMs: number;
  /** Events that the outbox has. */
  readonly kept: number;
  /** Bytes of the outbox on disk. */
  readonly totalBytes: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Fewer events say more about the empty tables than about an event. */
const ENOUGH = 1_000;

/** Forecasts the growth of an outbox from what was written since its oldest tick. Pure; undefined: too little was written. */
export function forecastOf({
  sinceOldest,
  oldestTickMs,
  kept,
  totalBytes,
}: ForecastFacts): Forecast | undefined {
  if (sinceOldest < ENOUGH || kept < ENOUGH || oldestTickMs < MINUTE_MS) return undefined;
  const eventsPerDay = Math.round((sinceOldest * DAY_MS) / oldestTickMs);
  const bytesPerEvent = Math.round(totalBytes / kept);
  return {
    eventsPerDay,
    bytesPerEvent,
    bytesPerDay: eventsPerDay * bytesPerEvent,
    measuredOverMs: oldestTickMs,
  };
}
