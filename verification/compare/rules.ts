/**
 * What is left out of a comparison, and why. Everything else that users see has to be equal. A rule that is added here
 * hides differences of the kit: say what it hides, and what shows that instead.
 */
export interface Rule {
  readonly name: string;
  readonly reason: string;
  /** The text that is replaced. */
  readonly pattern: RegExp;
  /** What stands in its place. */
  readonly by: string;
}

/** Replacements within a line, in this order. Ids of events have become names before. */
export const REPLACED: readonly Rule[] = [
  {
    name: 'ids',
    reason: 'ids of sources, attempts, parked rows and requests are random; those of events are names by then',
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
    by: '<id>',
  },
  {
    name: 'times',
    reason: 'a run has its own times',
    pattern: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)/g,
    by: '<time>',
  },
  {
    name: 'durations',
    reason: 'how long something took, or has left, depends on the machine',
    pattern: /\b\d+(?:\.\d+)? (?:ms|s|min|h|d)\b(?: \d+ (?:ms|s|min|h)\b)?/g,
    by: '<duration>',
  },
  {
    name: 'positions',
    reason: 'events of different keys share partitions, and their order among each other is open',
    pattern: /\bposition [\d.]+/g,
    by: 'position <position>',
  },
  {
    name: 'numbers of attempts',
    reason: 'a slice of several events that fails calls handlers again, so how many failures an attempt sees is open',
    pattern: /\b(attempt|call|query|run) \d+\b/g,
    by: '$1 <n>',
  },
];

/** Lines of narratives and histories that are left out. */
export const LEFT_OUT: readonly Omit<Rule, 'by'>[] = [
  {
    name: 'waits between attempts',
    reason: 'a wait is drawn at random',
    pattern: /^ *waited |, \d+ % of the retry budget left/,
  },
  {
    name: 'failures that pass',
    reason:
      'whether a failure that passes is met by an attempt, by a slice, or by a call that a kill cut off is open; those that last are kept, since operators act on them',
    pattern: /\(network, (?:unknown|not_applied)\).*the line is dead"; tried again/,
  },
];

/** Headers of events that are replaced whole. */
export const HEADERS: Readonly<Record<string, string>> = {
  ce_time: 'a run has its own times',
  ce_sourceid: 'it is random; whether it is that of its source is checked by the kit itself',
  ce_pos: 'events of different keys share partitions',
  ce_prev: 'events of different keys share partitions',
  traceparent: 'it is random',
  ce_attemptid: 'it is random',
};
