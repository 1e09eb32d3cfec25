import type { Gathered, SliceWrite } from '@convergekit/inbox/engine';
import { insertWorks, isRefusedWork, type NewWork } from '../calls/work/insert-sql.ts';
import type { StepKey } from '../calls/work/step-key.ts';
import { insertFences, isReached, type NewFence } from '../fence/new-fences-sql.ts';
import { type FenceMove, moveFences } from '../fence/move-fences-sql.ts';
import { noteAndLockStarts, type SagaStart } from '../fence/start-sql.ts';
import { keyOf, type Member, type StepRun } from './member.ts';

/** A row that a step writes with its slice, and the step. */
interface StepRow<Row> {
  readonly member: Pick<Member<never>, 'order' | 'step'>;
  readonly row: Row;
}

/** The starts of a slice come first: their locks are held before the fences are read. */
const STARTS: SliceWrite<SagaStart> = { order: 1, write: (tx, starts) => noteAndLockStarts(tx, starts) };

const WORKS: SliceWrite<StepRow<NewWork>> = {
  order: 2,
  write: (tx, works, isLast) =>
    insertWorks(tx, works.map(rowOf), (error) => (isRefusedWork(error) ? reached(works) : error), isLast),
};

/** The fences come last: what a step has requested is there when its timers are withdrawn. */
const FENCES: SliceWrite<StepRow<NewFence>> = {
  order: 3,
  write: (tx, fences) =>
    insertFences(tx, fences.map(rowOf), (error) => (isReached(error) ? reached(fences) : error)),
};

/** What happened outside a slice: the fences are locked, and no other write is gathered with them. */
const MOVES: SliceWrite<FenceMove> = { order: 4, write: (tx, moves) => moveFences(tx, moves) };

/** Has the transaction write a decision about a fence that it has locked. */
export function gatherMove<DB>(gathered: Gathered<DB>, move: FenceMove): void {
  gathered.add(`move ${placeOf(move.change)}`, MOVES, move);
}

/** Has the slice insert the fence of a step that nothing has reached, and the work that the step requests. */
export function gatherBegin<DB>(
  gathered: Gathered<DB>,
  member: Member<DB>,
  fence: NewFence,
  works: readonly NewWork[] = [],
): void {
  const key = beginKey(fence.change);
  gathered.add(key, FENCES, { member, row: fence });
  gathered.add(key, WORKS, ...works.map((row) => ({ member, row })));
}

/** True when the slice has gathered the begin of this step already. */
export function hasBegin<DB>(gathered: Gathered<DB>, run: StepRun<DB>): boolean {
  return gathered.has(beginKey(keyOf(run)));
}

/** Has the slice note the start of a saga and insert its timer. False: the slice has got one of the same run. */
export function gatherStart<DB>(
  gathered: Gathered<DB>,
  member: Member<DB>,
  start: SagaStart,
  timer: NewWork | undefined,
): boolean {
  const key = `start ${placeOf(start)}`;
  if (gathered.has(key)) return false;
  gathered.add(key, STARTS, start);
  if (timer !== undefined) gathered.add(key, WORKS, { member, row: timer });
  return true;
}

function beginKey(of: Omit<StepKey, 'version'>): string {
  return `begin ${placeOf(of)}`;
}

function placeOf({ saga, instance, step }: Omit<StepKey, 'version'>): string {
  return `${saga}/${instance}/${step}`;
}

function rowOf<Row>({ row }: StepRow<Row>): Row {
  return row;
}

/** Remembers that one of the steps was reached before, and returns the error that has the slice run again. */
function reached(rows: readonly StepRow<unknown>[]): StepReached {
  for (const { member } of rows) member.order.reached(rows.length);
  return new StepReached(rows);
}

/** The error of a slice one of whose steps was reached before: the slice is run again, and asks each fence first. */
class StepReached extends Error {
  /** The state of a serialization failure: nothing has failed but the order. */
  readonly code = '40001';

  constructor(rows: readonly StepRow<unknown>[]) {
    const steps = new Set(rows.map(({ member: { step } }) => `${step.saga}.${step.name}`));
    super(
      `another event had reached one of ${rows.length} begun steps of ${[...steps].join(', ')}: their slice is run again`,
    );
  }
}
