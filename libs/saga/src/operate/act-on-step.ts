import { contextHeaders, stuckEvent } from '@converge/contracts';
import { retryParkedOf, skipParkedOf } from '@converge/inbox';
import { createOutbox } from '@converge/outbox';
import { type Database, type Executor, withTransaction } from '@converge/postgres';
import { SagaError } from '../errors.ts';
import { meetLocked } from '../fence/meet-fence.ts';
import type { ByWhom } from '../stack/operate.ts';
import { formatStory } from '../step/story.ts';
import { EFFECT_STAYS, type Outcome } from '../work/work.ts';
import { actOnWork } from './operate-sql.ts';
import {
  answerStep,
  begunBy,
  dropQuestion,
  type LockedStep,
  lockStep,
  type OpenWork,
  openWorkOf,
  type StepAt,
} from './step-sql.ts';

type Acting = Pick<Database, 'acquire' | 'executor'>;

/** Of a step that a person may act on. */
export interface ActedStep {
  /** What is tried again or settled: its own call or undo, or a question about it. */
  readonly work: readonly OpenWork[];
  /** Events that it could not handle. */
  readonly parked: readonly string[];
}

/** The events that it emits carry ids of their own. */
const outbox = createOutbox([]);

/**
 * Has a step tried again now, wherever it waits: its call, its undo, or the event that it could not handle. Its journal says who
 * did so and why, and observers are told that it waits for nobody any more. Throws STEP_NOT_WAITING or WORK_NOT_RESOLVABLE.
 */
export function retryStep(database: Acting, at: StepAt, by: ByWhom): Promise<ActedStep> {
  return acting(database, at, async (tx, row) => {
    const open = await openWorkOf(tx, row.of);
    const work = open.filter(({ stuckReason, op }) => op !== 'resolve' || stuckReason !== 'outcome_unknown');
    for (const { id } of work) await actOnWork(tx, id, by);
    // Nobody could be asked. Its event is closed for others, since somebody might act on it: that is this person now.
    const again = work.length === 0 && row.state === 'stuck';
    if (again) await dropQuestion(tx, row.of);
    const parked = again
      ? await retryParkedOf(tx, await parkedOf(tx, row), { by: by.actor, reason: by.note })
      : [];
    if (work.length === 0 && parked.length === 0)
      throw open.length > 0 || again ? eventGone(at) : notWaiting(at);
    await note(tx, row, work, by);
    return { work, parked };
  });
}

/**
 * Says what became of a step that waits: its effect or its undo, as the records of the other side or of people show it. The
 * worker settles that like any other outcome, and the journal names who said so. Throws STEP_NOT_WAITING, STEP_OUTCOME_INVALID
 * or WORK_NOT_RESOLVABLE.
 */
export function resolveStep(database: Acting, at: StepAt, outcome: Outcome, by: ByWhom): Promise<ActedStep> {
  return acting(database, at, async (tx, row) => {
    const [first] = await openWorkOf(tx, row.of);
    const stays = outcome.kind === 'failed' && outcome.failure.code === EFFECT_STAYS;
    const undoes = first?.op === 'compensate';
    if (outcome.kind === 'failed' && stays !== undoes) throw undoes ? undoFails(at) : nothingDone(at);
    if (first !== undefined && first.op !== 'resolve') {
      await actOnWork(tx, first.id, by, outcome);
      return { work: [first], parked: [] };
    }
    if (first !== undefined) await actOnWork(tx, first.id, by, outcome);
    else if (row.stuck) await answerStep(tx, row, outcome, by);
    else throw notWaiting(at);
    const reason = `its step was resolved: ${by.note}`;
    await skipParkedOf(tx, await parkedOf(tx, row), { by: by.actor, reason });
    return { work: first === undefined ? [] : [first], parked: [] };
  });
}

/** What waits of a step, for the question whether to act. Throws STEP_NOT_WAITING when the step never began here. */
export function waitingStep(
  database: Acting,
  at: StepAt,
): Promise<{ readonly state: LockedStep['state']; readonly work: readonly OpenWork[] }> {
  return acting(database, at, async (tx, row) => ({ state: row.state, work: await openWorkOf(tx, row.of) }));
}

async function acting<T>(
  database: Acting,
  at: StepAt,
  act: (tx: Executor, row: LockedStep) => Promise<T>,
): Promise<T> {
  return withTransaction(database, {}, async (tx) => {
    await tx.query(`set local lock_timeout = '5s'`);
    const row = await lockStep(tx, at);
    if (row === undefined) throw notWaiting(at);
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
  { actor, note: reason }: ByWhom,
): Promise<void> {
  const { of, consumer, key } = row;
  const [begun = of.instance] = await begunBy(tx, of);
  const meeting = {
    ...of,
    consumer,
    key,
    op: 'resolve',
    trigger: 'retry',
    causeEvent: begun,
    actor,
    note: reason,
  } as const;
  const { emits, seq } = await meetLocked(tx, meeting, row);
  if (emits === undefined || !row.stuck) return;
  const { saga: name, ...rest } = of;
  const op = work[0]?.op === 'compensate' ? 'compensate' : 'apply';
  const made = stuckEvent(consumer)({
    saga: { name, ...rest, op },
    key,
    seq,
    is: 'released',
    by: actor,
    reason,
  });
  const { type, version, topic, payload } = made;
  const headers = contextHeaders(made, { causationId: begun, hops: 1, saga: formatStory(of) });
  await outbox.append(tx, [{ id: emits, type, version, topic, key, payload, headers }]);
}

function refused(code: 'STEP_NOT_WAITING' | 'STEP_OUTCOME_INVALID', message: string): SagaError {
  return new SagaError(code, message, { category: 'data' });
}

function notWaiting({ instance, step }: StepAt): SagaError {
  return refused(
    'STEP_NOT_WAITING',
    `nothing of step ${step} of saga ${instance} waits in this database: \`converge saga show ${instance}\` says how it stands; use the DATABASE_URL of the service that runs the step`,
  );
}

function eventGone({ instance, step }: StepAt): SagaError {
  return refused(
    'STEP_NOT_WAITING',
    `the event that step ${step} of saga ${instance} could not handle is not parked any more, so it cannot be tried again: say what became of it with \`converge saga resolve\``,
  );
}

function undoFails({ step }: StepAt): SagaError {
  return refused(
    'STEP_OUTCOME_INVALID',
    `the undo of ${step} cannot fail: say by which event it was undone, or let go of the effect with --effect-stays`,
  );
}

function nothingDone({ step }: StepAt): SagaError {
  return refused('STEP_OUTCOME_INVALID', `${step} has no undo that waits: there is nothing to let go of`);
}
