import { type OutboxLimit, secondsToFull } from '@convergekit/outbox/engine';
import type { AlarmName } from './alarm-definitions.ts';
import type { FailedTerms } from '../leader/attempts.ts';
import type { HeldTopic } from '../backlog/flow-state.ts';
import type { Survey } from './survey-sql.ts';

export { alarmDefinitions, type AlarmName } from './alarm-definitions.ts';

/** A condition that holds now. `subject` (the topic) distinguishes two of one name. */
export interface Condition {
  readonly name: AlarmName;
  readonly subject?: string;
  /** The condition and its cause: pid, application, topic, event, lease holder. Never a payload. */
  readonly text: string;
}

export interface Trouble {
  readonly code: string;
  readonly text: string;
  readonly from: 'broker' | 'database' | 'other';
}

/** The facts known at one moment. Unknown ones are left out, and raise nothing. */
export interface RelayFacts {
  readonly brokerTrouble?: string | undefined;
  /** The reason why the relay can neither lead nor stand by. */
  readonly trouble?: Trouble | undefined;
  /** Leaderships of this process that an error ended, lately. */
  readonly failedTerms?: FailedTerms | undefined;
  readonly held: readonly HeldTopic[];
  /** Records that the source cannot have written, as far as the last comparison saw them. */
  readonly forged?: readonly string[] | undefined;
  readonly stalled?: string | undefined;
  /** The time for which the lease still allows sending, in milliseconds. */
  readonly maySendForMs?: number | undefined;
  /** Milliseconds since Postgres warned at a tick's commit. */
  readonly tickWarnedAgoMs?: number | undefined;
  readonly waitingCommits?: number | undefined;
  readonly survey?: Survey | undefined;
}

export interface AlarmLimits {
  readonly lateAfterMs: number;
}

const TERMS_IN_TEN_MINUTES = 4;
const LOST_IN_TEN_MINUTES = 3;
const WARNED_LATELY_MS = 10_000;
const SKEW_MS = 1_000;
export const BLOCKED_AFTER_MS = 600_000;

/** Derives the conditions from the facts. Pure: the board knows how long each has lasted. */
export function conditionsOf(facts: RelayFacts, limits: AlarmLimits): readonly Condition[] {
  const { brokerTrouble, trouble, failedTerms, forged = [], stalled, tickWarnedAgoMs } = facts;
  const found: Condition[] = [];
  // A database whose commits wait answers, and takes neither a lease nor its renewal: the alarm names that cause.
  const { waitingCommits = 0 } = facts;
  const commitsWait = waitingCommits > 0;
  if (brokerTrouble !== undefined) found.push({ name: 'broker_unreachable', text: brokerTrouble });
  if (trouble !== undefined && !(commitsWait && isUnreachable(trouble))) found.push(ofTrouble(trouble));
  if (failedTerms !== undefined && failedTerms.count >= TERMS_IN_TEN_MINUTES)
    found.push({
      name: 'leadership_failing',
      text: `${failedTerms.count} terms failed, the last: ${failedTerms.text}`,
    });
  found.push(...ofTopics(facts.held.filter(({ state }) => state === 'halted')));
  if (forged[0] !== undefined)
    found.push({ name: 'record_forged', text: `${forged[0]} (${forged.length} in all)` });
  if (stalled !== undefined) found.push({ name: 'relay_stalled', text: stalled });
  if (facts.maySendForMs === 0 && !commitsWait)
    found.push({
      name: 'lease_margin_short',
      text: 'no renewal came in time; nothing is sent until one does',
    });
  if (tickWarnedAgoMs !== undefined && tickWarnedAgoMs < WARNED_LATELY_MS)
    found.push({ name: 'tick_commit_warned', text: 'the last warning came within the last 10 s' });
  if (commitsWait)
    found.push({ name: 'commits_wait', text: `${waitingCommits} sessions of this database, in SyncRep` });
  if (facts.survey !== undefined) found.push(...ofSurvey(facts.survey, limits));
  return found;
}

/** The halted topics with an alarm each. A writer may name any number of topics that do not exist. */
const MOST_NAMED = 100;

function ofTopics(halted: readonly HeldTopic[]): readonly Condition[] {
  const named = halted.slice(0, MOST_NAMED).map(ofTopic);
  const others = halted.length - named.length;
  if (others === 0) return named;
  const text = `${others} more are halted: converge.relay_topic has their names and reasons`;
  return [...named, { name: 'topic_halted', subject: 'others', text }];
}

const REFUSALS = ['sequence_behind', 'database_went_back', 'database_moved', 'log_behind_cursor'] as const;

function ofTrouble({ code, text, from }: Trouble): Condition {
  const refusal = REFUSALS.find((name) => name === code);
  if (refusal !== undefined) return { name: refusal, text };
  if (from === 'broker') return { name: 'broker_unreachable', text };
  if (isUnreachable({ code, from })) return { name: 'database_unreachable', text };
  return { name: 'relay_cannot_lead', text: `${code}: ${text}` };
}

/** True for a database that did not answer. */
export function isUnreachable({ code, from }: Pick<Trouble, 'code' | 'from'>): boolean {
  return from === 'database' && !isAnswer(code);
}

/** True for a SQLSTATE of a server that answers: a full disk, but no lost connection, stop or start. */
function isAnswer(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code);
}

const HALTS: Readonly<Record<string, AlarmName>> = {
  TOPIC_UNKNOWN: 'topic_unknown',
  PARTITION_COUNT_CHANGED: 'topic_partitions_changed',
  NOT_AUTHORIZED: 'topic_not_authorized',
  MESSAGE_TOO_LARGE: 'topic_record_too_large',
  LOG_NOT_COMPARED: 'topic_not_compared',
  TOPIC_RECREATED: 'topic_recreated',
  PARTITION_STUCK: 'partition_stuck',
};

function ofTopic({ topic, partition, code = 'UNKNOWN', detail = '' }: HeldTopic): Condition {
  const subject = partition === undefined ? topic : `${topic}/${partition}`;
  return { name: HALTS[code] ?? 'topic_halted', subject, text: `topic ${topic}, ${code}: ${detail}` };
}

function ofSurvey(survey: Survey, { lateAfterMs }: AlarmLimits): readonly Condition[] {
  const { clockAheadMs, blockers, childrenAhead, oldestMs, backlog } = survey;
  const found: Condition[] = [];
  if (survey.lost >= LOST_IN_TEN_MINUTES)
    found.push({ name: 'lease_lost_repeatedly', text: lostText(survey) });
  if (Math.abs(clockAheadMs) > SKEW_MS)
    found.push({ name: 'clock_skewed', text: `Postgres is ${seconds(clockAheadMs)} ahead of this host` });
  const worst = blockers[0];
  const openMs = worst?.ageMs ?? 0;
  if (worst !== undefined && openMs > BLOCKED_AFTER_MS)
    found.push({
      name: 'retention_held_back',
      text: `${worst.holder}, ${worst.application}, database ${worst.database}, open for ${seconds(openMs)} (${blockers.length} in all)`,
    });
  if (childrenAhead === 0)
    found.push({ name: 'no_child_ahead', text: 'the last child of the outbox is in use' });
  found.push(...ofLimit(survey.limit));
  if (survey.strayId !== undefined)
    found.push({ name: 'event_beyond_sequence', text: `id ${survey.strayId} of converge.outbox` });
  if (oldestMs > lateAfterMs)
    found.push({ name: 'events_late', text: `about ${backlog} wait, the oldest for ${seconds(oldestMs)}` });
  return found;
}

/** A restart of Postgres ends a lease that its relay had no chance to release. */
function lostText({ lost, holder, startedAt }: Survey): string {
  const started =
    startedAt === undefined
      ? ''
      : `; Postgres itself started at ${startedAt.toISOString()}, which ended a lease`;
  return `${lost} times, now held by ${holder ?? 'no relay'}${started}`;
}

/** The alarm is raised so long before the limit, seconds. */
const FORECAST_S = 3_600;

function ofLimit(limit: OutboxLimit): readonly Condition[] {
  const { maxBytes, waitingBytes, refuses } = limit;
  if (maxBytes === undefined) return [];
  const text = `${megabytes(waitingBytes)} of ${megabytes(maxBytes)} wait`;
  if (waitingBytes >= maxBytes)
    return [{ name: 'outbox_full', text: `${text}; emits are ${refuses ? 'refused' : 'still taken'}` }];
  const left = secondsToFull(limit);
  const isNear = left !== undefined && left < FORECAST_S;
  if (waitingBytes < maxBytes * 0.8 && !isNear) return [];
  const forecast =
    left === undefined ? 'not growing' : `full in ${Math.round(left / 60)} min at the present rate`;
  return [{ name: 'outbox_filling', text: `${text}, ${forecast}` }];
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
