import type { Executor } from './executor.ts';

/**
 * Every act of an operator, and the kind of thing that it acts on. `subject` of an act is the thing's id: an event, a call, a saga
 * by name or by instance, a workflow by name and id, a consumer, a reconciler, a topic, a source, a policy.
 */
export const ACTS = {
  'parked retry': 'event',
  'parked skip': 'event',
  'parked edit': 'event',
  'parked replace': 'event',
  'outbox again': 'event',
  'payload look': 'event',
  'call retry': 'call',
  'call resolve': 'call',
  'saga retry': 'saga',
  'saga resolve': 'saga',
  'saga pause': 'saga',
  'saga resume': 'saga',
  'workflow retry': 'workflow',
  'workflow resolve': 'workflow',
  'workflow forget': 'workflow',
  'consumers pause': 'consumer',
  'consumers resume': 'consumer',
  'consumers replay': 'consumer',
  'consumers fill': 'consumer',
  'consumers types drop': 'consumer',
  'reconcile pause': 'reconciler',
  'reconcile resume': 'reconciler',
  'reconcile run': 'reconciler',
  'reconcile retry': 'reconciler',
  'reconcile approve': 'reconciler',
  'state look': 'reconciler',
  'topics accept': 'topic',
  'topics forget': 'topic',
  'source disown': 'topic',
  'source rebase': 'source',
  'policy set': 'policy',
} as const;

export type ActName = keyof typeof ACTS;
export type SubjectKind = (typeof ACTS)[ActName];

/** Who acts, and why. */
export interface Operator {
  readonly by: string;
  /** The evidence, where an outcome is stated. */
  readonly reason: string;
}

/** An act of an operator on one thing. */
export interface OperatorAct extends Operator {
  readonly act: ActName;
  /** The id of the thing acted on, of the kind that `ACTS` names. */
  readonly subject: string;
  /** Places, states and counts; never payloads. @default {} */
  readonly before?: Readonly<Record<string, unknown>>;
  /** @default {} */
  readonly after?: Readonly<Record<string, unknown>>;
}

const recordSql = `select converge.record_act($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb)`;

/** The most characters of a reason: it is a sentence, which lists print in one line. */
export const REASON_MAX = 500;

/** Records an act of an operator, in the transaction of the act. */
export async function recordAct(
  tx: Executor,
  { act, subject, by, reason, before = {}, after = {} }: OperatorAct,
): Promise<void> {
  await tx.query(recordSql, [
    act,
    ACTS[act],
    subject,
    by,
    reason,
    JSON.stringify(before),
    JSON.stringify(after),
  ]);
}

/** The call that records an act within the statement of the act; all but `act` are SQL expressions. */
export function recordActSql(
  act: ActName,
  {
    subject,
    by,
    reason,
    before = 'null',
    after = 'null',
  }: Readonly<Record<'subject' | 'by' | 'reason', string>> & {
    readonly before?: string;
    readonly after?: string;
  },
): string {
  return `converge.record_act('${act}', '${ACTS[act]}', ${subject}, ${by}, ${reason}, ${before}, ${after})`;
}
