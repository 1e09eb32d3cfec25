import { contextHeaders, stuckEvent } from '@convergekit/contracts/engine';
import { retryParkedOf, skipParkedOf } from '@convergekit/inbox/engine';
import { createOutbox } from '@convergekit/outbox';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import { nearest } from '@convergekit/config/engine';
import { shellWord } from '@convergekit/core/engine';
import type { SagaDeclaration } from '../declare/declaration.ts';
import { SagaError } from '../errors.ts';
import { applyToLocked } from '../fence/apply-trigger.ts';
import { actOnWork } from '../calls/operate/work-sql.ts';
import { formatSagaRef } from '../step/saga-ref.ts';
import { readPauses } from './pause-sql.ts';
import { checkStated, type StatedOutcome } from './stated-outcome.ts';
import {
  answerStep,
  begunBy,
  dropQuestion,
  type LockedStep,
  lockStep,
  type OpenWork,
  openWorkOf,
  type StepAt,
  stepsHere,
} from './step-sql.ts';

type Acting = Pick<Database, 'acquire' | 'executor'>;

/** A step on which an operator acted. */
interface ActedStep {
  /** The work that is retried or resolved: the step's call or undo, or a question about it. */
  readonly work: readonly OpenWork[];
  /** The parked events that the step could not handle. */
  readonly parked: readonly string[];
}

/** The emitted events carry their own ids. */
const outbox = createOutbox([]);

/** A step as an operator sees it before deciding. */
export interface SeenStep extends Pick<LockedStep, 'of' | 'state'> {
  readonly work: readonly OpenWork[];
  /** What another text means a change of: the last row of the step's journal, and its work. */
  readonly mark: string;
}

interface ActOptions {
  /** The mark of `waitingStep`: a later change prevents the action. @default the step is acted on in its present state */
  readonly seen?: string | undefined;
}

interface ResolveOptions extends ActOptions {
  /** The declarations, including the step's saga in its version: facts and failures are checked against it. */
  readonly sagas: readonly SagaDeclaration[];
}

/**
 * Retries a waiting step now: its call, its undo, or the event that it could not handle. The step's journal records the
 * operator and the reason, and observers see that it no longer waits. Throws STEP_NOT_WAITING, STEP_CHANGED, SAGA_PAUSED
 * or WORK_NOT_RESOLVABLE.
 */
export function retryStep(
  database: Acting,
  at: StepAt,
  by: Operator,
  { seen }: ActOptions = {},
): Promise<ActedStep> {
  return acting(database, at, async (tx, row) => {
    const open = await openWorkOf(tx, row.of);
    refuseChanged(at, row, open, seen);
    if ((await readPauses(tx, { of: row.of, limit: 1 })).length > 0) throw paused(at, row.of.saga);
    const work = open.filter(({ stuckReason, op }) => op !== 'resolve' || stuckReason !== 'outcome_unknown');
    for (const { id } of work) await actOnWork(tx, id, by);
    // No query could resolve the call. The step's event is closed to everyone but an operator, who acts here.
    const again = work.length === 0 && row.state === 'stuck';
    if (again) await dropQuestion(tx, row.of);
    const parked = again ? await retryParkedOf(tx, await parkedOf(tx, row), by) : [];
    if (work.length === 0 && parked.length === 0)
      throw open.length > 0 || again ? eventGone(at) : notWaiting(at);
    await note(tx, row, work, by);
    await recordAct(tx, { act: 'saga retry', ...subjectOf(row), ...by });
    return { work, parked };
  });
}

/**
 * Records an operator's outcome of a waiting step: of its effect, or of its undo. The outcome comes from the records of
 * the other side or of people. It is checked against the declaration first; the worker records it like any other
 * outcome, and the journal names the operator. Throws STEP_NOT_WAITING, STEP_CHANGED, STEP_OUTCOME_INVALID,
 * SAGA_NOT_DECLARED or WORK_NOT_RESOLVABLE: then nothing was written.
 */
export function resolveStep(
  database: Acting,
  at: StepAt,
  word: StatedOutcome,
  by: Operator,
  { sagas, seen }: ResolveOptions,
): Promise<ActedStep> {
  return acting(database, at, async (tx, row) => {
    const open = await openWorkOf(tx, row.of);
    refuseChanged(at, row, open, seen);
    const [first] = open;
    if (first === undefined && !row.stuck) throw notWaiting(at);
    const undoes = first?.op === 'compensate';
    const outcome = checkStated(sagas, word, { row, undoes, reason: by.reason });
    if (first !== undefined) await actOnWork(tx, first.id, by, outcome);
    else await answerStep(tx, row, outcome, by);
    const after = { outcome: outcome.kind };
    await recordAct(tx, { act: 'saga resolve', ...subjectOf(row), ...by, after });
    if (first !== undefined && first.op !== 'resolve') return { work: [first], parked: [] };
    const reason = `its step was resolved: ${by.reason}`;
    await skipParkedOf(tx, await parkedOf(tx, row), { ...by, reason });
    return { work: first === undefined ? [] : [first], parked: [] };
  });
}

/** Returns the state of a waiting step, to decide about. Throws STEP_NOT_WAITING when it never began here. */
export function waitingStep(database: Acting, at: StepAt): Promise<SeenStep> {
  return acting(database, at, async (tx, row) => {
    const work = await openWorkOf(tx, row.of);
    return { of: row.of, state: row.state, work, mark: markOf(row, work) };
  });
}

const markOf = ({ seq }: LockedStep, work: readonly OpenWork[]): string =>
  [seq, ...work.map(({ id }) => id)].join(' ');

const subjectOf = ({ of: { saga, instance, step }, state }: LockedStep) => ({
  subject: instance,
  before: { saga, step, state },
});

/** An attempt that goes on meanwhile is no change; a decision, or other work, is. */
function refuseChanged(
  at: StepAt,
  row: LockedStep,
  work: readonly OpenWork[],
  seen: string | undefined,
): void {
  if (seen === undefined || seen === markOf(row, work)) return;
  throw new SagaError(
    'STEP_CHANGED',
    `step ${at.step} of saga ${at.instance} has moved since you looked, and is ${row.state}: nothing was done; look again with \`converge saga show ${shellWord(at.instance)}\``,
    { category: 'data' },
  );
}

async function acting<T>(
  database: Acting,
  at: StepAt,
  act: (tx: Executor, row: LockedStep) => Promise<T>,
): Promise<T> {
  return withTransaction(database, {}, async (tx) => {
    await tx.query(`set local lock_timeout = '5s'`);
    const row = await lockStep(tx, at);
    if (row === undefined) throw notWaiting(at, await stepsHere(tx, at.instance));
    return act(tx, row);
  });
}

async function parkedOf(tx: Executor, { of, consumer }: LockedStep) {
  return { consumer, eventIds: await begunBy(tx, of) };
}

async function note(
  tx: Executor,
  row: LockedStep,
  work: readonly OpenWork[],
  { by, reason }: Operator,
): Promise<void> {
  const { of, consumer, key } = row;
  const [begun = of.instance] = await begunBy(tx, of);
  const decided = { ...of, consumer, key, op: 'resolve', trigger: 'retry', causeEvent: begun } as const;
  const { emits, seq } = await applyToLocked(tx, { ...decided, actor: by, note: reason }, row);
  if (emits === undefined || !row.stuck) return;
  const { saga: name, ...rest } = of;
  const op = work[0]?.op === 'compensate' ? 'compensate' : 'apply';
  const made = stuckEvent(consumer)({ saga: { name, ...rest, op }, key, seq, is: 'released', by, reason });
  const { type, version, topic, payload } = made;
  const headers = contextHeaders(made, { causationId: begun, hops: 1, saga: formatSagaRef(of) });
  await outbox.append(tx, [{ id: emits, type, version, topic, key, payload, headers }]);
}

/** `here`: the steps of the saga in this database, where the step itself is unknown. */
function notWaiting({ instance, step }: StepAt, here?: readonly string[]): SagaError {
  const meant = nearest(step, here ?? []);
  const known =
    here === undefined || here.length === 0
      ? ''
      : meant === undefined
        ? ` (of this saga it knows ${here.join(', ')})`
        : ` (did you mean ${meant}?)`;
  const look =
    here?.length === 0
      ? 'it knows no saga of that id, `converge saga list` shows those that an observer saw'
      : `\`converge saga show ${shellWord(instance)}\` says how it stands`;
  return new SagaError(
    'STEP_NOT_WAITING',
    `nothing of step ${step} of saga ${instance} waits in this database${known}: ${look}; use the DATABASE_URL of the service that runs the step`,
    { category: 'data' },
  );
}

function paused({ instance, step }: StepAt, saga: string): SagaError {
  return new SagaError(
    'SAGA_PAUSED',
    `step ${step} of saga ${instance} cannot be attempted while its saga is paused: nothing was done; resume it first, \`converge saga resume ${shellWord(saga)}\` (an instance: with --instance)`,
    { category: 'data' },
  );
}

function eventGone({ instance, step }: StepAt): SagaError {
  return new SagaError(
    'STEP_NOT_WAITING',
    `the event that step ${step} of saga ${instance} could not handle is not parked any more, so it cannot be retried: say what became of it with \`converge saga resolve\``,
    { category: 'data' },
  );
}
