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
    reason:
      'ids of sources, attempts, parked rows and requests are random; those of events are names by then',
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
    by: '<id>',
  },
  {
    name: 'names of databases',
    reason: 'their ends are random',
    pattern: /\b(orders|payments|delivery)_[0-9a-f]{12}\b/g,
    by: '$1',
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
    name: 'places in the log',
    reason: 'events of different keys share partitions, and their order among each other is open',
    pattern: /(\bposition |\boffset |\w\/\d+@|"(?:offset|position)":")[\d.]+/g,
    by: '$1<place>',
  },
  {
    name: 'traces',
    reason: 'they are random',
    pattern: /\b00-[0-9a-f]{32}-[0-9a-f]{16}-0\d\b/g,
    by: '<trace>',
  },
  {
    name: 'attempts in the payload of a failure event',
    reason: 'their times, and how many there were',
    pattern: /"attempts":\[[^\]]*\]/g,
    by: '"attempts":[<n>]',
  },
  {
    name: 'numbers of attempts',
    reason:
      'a slice of several events that fails calls handlers again, so how many failures an attempt sees is open; each is a row of a journal',
    pattern: /\b(attempt|call|query|settle|run|journals of) \d+\b/g,
    by: '$1 <n>',
  },
  {
    name: 'handled at once, or after failures that passed',
    reason: 'an event whose failure the slice took has no attempt on record',
    pattern:
      /passed it without a failed attempt: .*|^(\S+ {2})attempt <n> of [\w.]+: applied in <duration>.*/g,
    by: '$1has handled it',
  },
  {
    name: 'what stops a step that has not begun',
    reason: 'events of the way back are in several topics, and any of them may be the first to arrive',
    pattern: /(will not begin: the saga is on its way back), because of .*/g,
    by: '$1',
  },
  {
    name: 'how an outcome became known',
    reason: 'a call whose answer is lost is queried or repeated, whichever is due',
    pattern: /, (?:call|query|settle) <n>: (applied|done) in <duration>/g,
    by: ': $1',
  },
];

/** What is the same in the last line of a history, for the reason before. */
export const PASSED = { pattern: / applied$/, by: ' passed' } as const;

/** Lines of narratives and histories that are left out. */
export const LEFT_OUT: readonly Pick<Rule, 'name' | 'reason' | 'pattern'>[] = [
  {
    name: 'waits between attempts',
    reason: 'a wait is drawn at random, and a failure that passes may have none',
    pattern: /^ +waited /,
  },
  {
    name: 'failures that pass',
    reason:
      'whether an attempt, a slice or a call that a kill cut off meets them is open; those that last (a bug, a refusal) are kept',
    pattern: /: failed after .*\((?:network|service|contention), |, query \d+: not_found/,
  },
  {
    name: 'attempts that are tried again',
    reason:
      'an event whose slice has several is tried again alone; the last attempt, which says what followed, is kept',
    pattern: /: failed after .*; tried again/,
  },
  {
    name: 'intended undos',
    reason:
      'a local undo is made by the worker where its slice met a failure; that it is undone is a line of its own',
    pattern: /: its undo is intended/,
  },
  {
    name: 'parked for a failure that passes',
    reason: 'the same: what lasts is in the list of parked events, too',
    pattern: /\bparked at .*\(network/,
  },
];

/** Rows of a workflow's journal that are left out: what became of a call is a row of its own. */
export const LEFT_OUT_OF_JOURNALS = /^(?:unknown|repeat|query|asked|resume\w*) /;

/** Headers of events whose values are left out. They have to be there. */
export const HEADERS: Readonly<Record<string, string>> = {
  ce_time: 'a run has its own times',
  ce_sourceid: 'it is random',
  ce_pos: 'events of different keys share partitions',
  ce_prev: 'events of different keys share partitions',
  ce_attemptid: 'it is random',
};
