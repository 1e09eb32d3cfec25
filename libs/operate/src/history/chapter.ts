import type { Delivery, Recorded } from './attempt-sql.ts';

/** The facts of a database, under the name of its source. */
export interface Chapter {
  readonly database: string;
  readonly stored: readonly Recorded[];
}

/** A consumer's position towards one of the events, shown where it has no attempts of it. */
export interface Passed extends Delivery {
  readonly kind: 'delivery';
  readonly database: string;
  readonly eventId: string;
}

/** The moments at which something happened to them: around these the outboxes are searched. */
export function momentsIn(chapters: readonly Chapter[]): readonly number[] {
  return chapters.flatMap(({ stored }) =>
    stored.flatMap((one) => {
      const at = Date.parse(one.at);
      switch (one.kind) {
        case 'attempt':
          return one.parkedAt === null ? [at] : [at, Date.parse(one.parkedAt)];
        case 'parked':
          return [at, Date.parse(one.changedAt)];
        case 'call':
          return one.endedAt === null ? [at] : [at, Date.parse(one.endedAt)];
        case 'act':
        case 'repair':
        case 'call_attempt':
        case 'seen':
        case 'emitted':
        case 'caused':
        case 'again':
          return [at];
      }
    }),
  );
}
