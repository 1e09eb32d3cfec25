import type { FailureKind } from '@convergekit/resilience/engine';
import type { AttemptOutcome } from './attempt/attempt.ts';
import type { InboxErrorCode } from './errors.ts';

/** A condition that an operator should know. Its name is stable: logs, metrics, alert rules and run books use it. */
export interface AlarmDefinition {
  /**
   * halted  a partition stops until an operator acts: gauge `converge.inbox.halted`
   * paused  a partition waits and resumes by itself: gauge `converge.inbox.paused`
   * event   a single occurrence: logged once
   */
  readonly kind: 'halted' | 'paused' | 'event';
  /** The condition while the alarm is raised. */
  readonly means: string;
  /** The next step of the operator. */
  readonly next: string;
}

/** The alarms of consumers. The conditions that operators see take them from this table. */
export const alarmDefinitions = {
  gap: {
    kind: 'halted',
    means: 'An event is missing: retention, truncation or an unclean election took it before it was read',
    next: '`converge consumers fill <consumer> --database <URL> --reason "…"`, then `converge consumers resume <consumer> --reason "…"`; or the same with `--continue`, which keeps the range on record',
  },
  type_ahead: {
    kind: 'halted',
    means: 'An event whose type only a newer version of this consumer handles',
    next: 'let the deployment finish: a member with the newer code continues; else `.ignore()` the type, or `converge consumers types drop`',
  },
  epoch_superseded: {
    kind: 'halted',
    means: 'An old primary still writes although its source began a new epoch',
    next: 'stop it; then `converge consumers resume <consumer> --continue --reason "…"` passes what it wrote',
  },
  position_jump: {
    kind: 'halted',
    means:
      'A record claims a position that its source cannot have reached: it is forged, or a clock is hours wrong',
    next: '`converge consumers resume <consumer> --reject <offset> --reason "…"` when it is forged (the line names it); the same with `--continue` when it is the source’s own',
  },
  fork: {
    kind: 'halted',
    means:
      'Two records exclude each other: one of them is forged, two databases write as one source, or its database went back together with the log',
    next: 'compare both with the source’s outbox; `converge consumers resume <consumer> --reject <offset> --reason "…"` of the forged one (the line names both); both are genuine where this consumer’s clock was more than an hour behind before: then the same with `--continue`',
  },
  source_not_listed: {
    kind: 'halted',
    means: 'A source sends that the consumer’s `sources` do not list',
    next: 'list it and deploy (`converge source show` prints name and uuid); `converge consumers resume <consumer> --reject <offset> --reason "…"` when it is forged',
  },
  too_many_sources: {
    kind: 'halted',
    means: 'More than 4,096 sources send to a consumer that does not list its sources',
    next: 'find out who writes to the topic; list the sources that the consumer trusts (`sources`)',
  },
  topic_recreated: {
    kind: 'halted',
    means: 'The topic was deleted and created again: the consumer’s offset belongs to the old one',
    next: 'decide what was lost; `converge consumers resume <consumer> --from earliest --reason "…"` reads the new one',
  },
  offset_out_of_range: {
    kind: 'halted',
    means: 'Records were removed before they were read: the consumer’s offset is not in the log any more',
    next: '`converge consumers resume <consumer> --from earliest --reason "…"`: what is missing is then a gap, by name',
  },
  operator_paused: {
    kind: 'halted',
    means:
      'An operator paused the consumer (`converge consumers pause`): no handler is called, also for parked events',
    next: '`converge consumers resume <consumer> --reason "…"`, when the cause is over; `converge audit` says who paused it and why',
  },
  give_up_limit: {
    kind: 'halted',
    means:
      'The consumer gave up as many events for a bug, a structural failure or refused data as it may in an hour (`giveUp.perHour` of its policy): it pauses in place of giving up more',
    next: '`converge parked groups`; fix and deploy, then `converge consumers resume <consumer> --reason "…"`: the parked events are tried again; `--continue` lets as many again be given up within the hour',
  },
  breaker_open: {
    kind: 'paused',
    means: 'The breaker of a dependency is open: nothing is called, no attempt is counted',
    next: 'repair the dependency; the partition resumes when the breaker lets a probe through, 30 s later at most; calls of sagas wait as well: `converge call list`',
  },
  parked_cap: {
    kind: 'paused',
    means: 'The consumer has reached its limit of parked events (`parking.maxRows`, `maxBytes`, `maxInLog`)',
    next: '`converge parked groups`; fix the cause, then retry or skip: the partition resumes when there is room',
  },
  systemic_fault: {
    kind: 'paused',
    means:
      'Key after key of a consumer, or of one of its handlers, failed and hardly any event took effect (`parking.systemic`)',
    next: 'fix the cause: it continues with the first event of it that takes effect; meanwhile one more key is parked after 1, 2, 4 … 60 min',
  },
  fetch_stalled: {
    kind: 'paused',
    means:
      'A partition gets no records although its log has some: no broker serves it, or a quota keeps answers empty',
    next: 'raise the quota if the text names one; else check its leader (`kafka-topics.sh --describe`): leaders are looked up again automatically, and a stall that lasts fails the liveness check',
  },
  open_transaction: {
    kind: 'paused',
    means:
      'Records wait for a Kafka transaction of another producer that has not ended: only committed records are read',
    next: '`kafka-transactions.sh find-hanging`, then `abort`; the broker ends it after the producer’s transaction.timeout.ms',
  },
  structural: {
    kind: 'event',
    means:
      'A failure that waiting does not resolve: a column is missing, a certificate expired, a setting is wrong',
    next: 'run the migration or change the setting that the log line names; nothing is retried before that',
  },
  data: {
    kind: 'event',
    means: 'A dead letter: its bytes or its data cannot be used. They are kept unchanged',
    next: '`converge parked show`; fix the producer, `converge parked edit` a copy, or give the handler a `refetch`',
  },
  bug_waits: {
    kind: 'event',
    means:
      'The code of a handler failed, and the event is parked: nothing is compensated before `giveUp.afterMs` of its policy (15 min)',
    next: '`stack` in the log names the place; fix and deploy it, or take the deployment back: the event is then applied by itself',
  },
  bug: {
    kind: 'event',
    means: 'A dead letter: the code of its handler failed',
    next: '`stack` in the log names the place; fix and deploy it. It is compensated: emit a new event, or `converge parked retry <id> --after-compensation --reason …`',
  },
  exhausted: {
    kind: 'event',
    means: 'A dead letter: it was retried to the end of its schedule, and the other system did not recover',
    next: 'repair the other system. It is compensated: emit a new event, or `converge parked retry <id> --after-compensation --reason …`',
  },
  gap_passed: {
    kind: 'event',
    means: 'A gap was passed because of `onGap: continue`; the range is recorded',
    next: '`converge consumers fill <consumer> --database <URL> --reason "…"`, while the source retains the events; else reconcile their keys',
  },
  fence_held: {
    kind: 'event',
    means: 'Another session holds the fence of a partition; the log line has its pid and application',
    next: 'stop that process if it is frozen; the server ends its session after the longest time of a handler',
  },
  failure_source: {
    kind: 'event',
    means:
      'A failure event that is not of the failing consumer’s own source: forged, or that consumer moved to another database',
    next: '`converge parked groups --code FAILURE_SOURCE`; if it moved, declare `failureSources`, else find out who writes to the failure topic',
  },
  foreign_id_reused: {
    kind: 'event',
    means:
      'A dead letter: a foreign producer sent an id before, with another body. One of the two events would be lost',
    next: 'have the producer give each event its own id; `converge parked show` has the bytes',
  },
  unreadable_cap: {
    kind: 'event',
    means:
      'A flood of unreadable records: the oldest beyond `parking.maxRows` or `maxBytes` lost their bytes (a sha256 stays) and are closed as skipped',
    next: 'find out who writes to the topic that the log line names; `converge consumers replay` reads them again while the log has them',
  },
  policy_refused: {
    kind: 'event',
    means: 'A rule of the central policies cannot be used; the last good one of its name holds',
    next: 'correct it with `converge policy set`: the log line says what is wrong',
  },
} as const satisfies Readonly<Record<string, AlarmDefinition>>;

export type AlarmName = keyof typeof alarmDefinitions;

type Of<Kind extends AlarmDefinition['kind']> = {
  readonly [Name in AlarmName]: (typeof alarmDefinitions)[Name]['kind'] extends Kind ? Name : never;
}[AlarmName];

export type HaltedAlarm = Of<'halted'>;
export type PausedAlarm = Of<'paused'>;

/** The code of a halt that an operator asked for. */
export const PAUSED = 'operator_paused' satisfies HaltedAlarm;

/** The code of a halt in place of giving up more events for faults. */
export const GIVE_UP_LIMIT = 'give_up_limit' satisfies HaltedAlarm;

/** The alarm of a failed attempt that waiting does not resolve. Undefined: its rate matters, not it. */
export function alarmOf(kind: FailureKind, outcome: AttemptOutcome): AlarmName | undefined {
  if (kind === 'bug' && outcome === 'park') return 'bug_waits';
  return kind === 'structural' ? kind : undefined;
}

/** The alarm of a dead letter. */
export function deadLetterAlarm(kind: Exclude<FailureKind, 'business'>, code: string): AlarmName {
  if (code === ('FOREIGN_ID_REUSED' satisfies InboxErrorCode)) return 'foreign_id_reused';
  return kind === 'transient' ? 'exhausted' : kind;
}
