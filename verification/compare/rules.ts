/**
 * What is left out of a comparison, each rule with its reason. Everything else that users see has to be equal. A rule that is
 * added here hides differences of the kit: say what it hides, and what shows that instead.
 */

/** Replacements within a line, in this order. Ids of events have become names before. */
export const REPLACED: readonly (readonly [pattern: RegExp, by: string])[] = [
  // Ids of sources, attempts, parked rows and requests are random.
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<id>'],
  // So are the ends of the names of databases.
  [/\b(orders|payments|delivery)_[0-9a-f]{12}\b/g, '$1'],
  // So are traces.
  [/\b00-[0-9a-f]{32}-[0-9a-f]{16}-0\d\b/g, '<trace>'],
  // A run has its own times.
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)/g, '<time>'],
  // How long something took, or has left, depends on the machine.
  [/\b\d+(?:\.\d+)? (?:ms|s|min|h|d)\b(?: \d+ (?:ms|s|min|h)\b)?/g, '<duration>'],
  // Places in the log: events of different keys share partitions, and their order among each other is open.
  [/(\bposition |\boffset |\w\/\d+@|"(?:offset|position)":")[\d.]+/g, '$1<place>'],
  // Attempts in the payload of a failure event: their times, and how many there were.
  [/"attempts":\[[^\]]*\]/g, '"attempts":[<n>]'],
  // A slice of several events that fails calls handlers again, so how many failures an attempt sees is open, and with
  // them the rows of journals.
  [/\b(attempt|call|query|settle|run|journals of) \d+\b/g, '$1 <n>'],
  // Handled at once, or after failures that passed: an event whose failure the slice took has no attempt on record.
  [
    /passed it without a failed attempt: .*|^(\S+ {2})attempt <n> of [\w.]+: applied in <duration>.*/g,
    '$1has handled it',
  ],
  // Events of the way back are in several topics, and any of them may be the first that a step meets.
  [/(will not begin: the saga is on its way back), because of .*/g, '$1'],
  // A call whose answer is lost is queried or repeated, whichever is due.
  [/, (?:call|query|settle) <n>: (applied|done) in <duration>/g, ': $1'],
];

/** What is the same in the last line of a history: see the attempts that no record has. */
export const PASSED = [/ applied$/, ' passed'] as const;

/** Lines of narratives and histories that are left out. */
export const LEFT_OUT: readonly RegExp[] = [
  // A wait is drawn at random, and a failure that passes may have none.
  /^ +waited /,
  // Whether an attempt, a slice or a call that a kill cut off meets a failure that passes is open, and whether the key is
  // parked for it. Those that last (a bug, a refusal) are kept, and what lasts is in the list of parked events.
  /: failed after .*\((?:network|service|contention), |, query \d+: not_found/,
  /\bparked at .*\(network/,
  // An event whose slice has several is tried again alone. The last attempt, which says what followed, is kept.
  /: failed after .*; tried again/,
  // A step that meets an event of the way back before the first one (they are in several topics) gets no deadline. This hides
  // deadlines, which the script has none of.
  /: the time of the saga ends in /,
  // A local undo is made by the worker where its slice met a failure. That it is undone is a line of its own.
  /: its undo is intended/,
];

/** Rows of a workflow's journal that are left out: what became of a call is a row of its own. */
export const LEFT_OUT_OF_JOURNALS = /^(?:unknown|repeat|query|asked|resume\w*) /;

/** Headers of events whose values are left out, and why. They have to be there. */
export const HEADERS: Readonly<Record<string, string>> = {
  ce_time: 'a run has its own times',
  ce_sourceid: 'it is random',
  ce_pos: 'events of different keys share partitions',
  ce_prev: 'events of different keys share partitions',
  ce_attemptid: 'it is random',
};
