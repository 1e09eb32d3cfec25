/** The events by which `actual` follows `desired`. */
export interface InFlight {
  /** The topic of the events. They are emitted in desired's database, in the transaction that changes desired. */
  readonly topic: string;
  /** The consumer that applies them; its inbox is in actual's database. */
  readonly consumer: string;
  /** Maps a key of the reconciler to the keys of its events. @default the same key */
  readonly eventKey?: (key: string) => string | readonly string[];
}

/** Returns the event keys of a key, without repeats. Pure. */
export function eventKeysOf(inFlight: InFlight, key: string): readonly string[] {
  const keys = inFlight.eventKey?.(key) ?? key;
  return typeof keys === 'string' ? [keys] : [...new Set(keys)];
}
