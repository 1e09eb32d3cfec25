import type { Executor } from '@converge/postgres';
import type { JournalOp } from '../fence/fence-sql.ts';
import type { FenceAct, FenceFrom, FenceState, FenceTrigger } from '../fence/fence.ts';
import type { WorkOp } from '../work/insert-sql.ts';
import type { WorkAttempt, WorkState } from '../work/work.ts';

/** How a step would be undone, as it was intended when it began. */
export interface Plan {
  /** Null: there is no way back from it. */
  readonly undo: string | null;
  /** The steps that are undone before it. */
  readonly after?: readonly string[];
  /** Why there is nothing to undo. */
  readonly because?: string;
}

/** One decision of a step's fence, as the journal has it. */
export interface JournalRow {
  readonly kind: 'decision';
  readonly at: string;
  readonly saga: string;
  readonly version: number;
  readonly instance: string;
  readonly step: string;
  /** From 1, without a hole. */
  readonly seq: number;
  readonly consumer: string | null;
  readonly op: JournalOp;
  readonly trigger: FenceTrigger;
  readonly from: FenceFrom;
  readonly to: FenceFrom;
  readonly act: FenceAct;
  readonly outcome: string | null;
  readonly plan: Plan | null;
  readonly causeEvent: string;
  readonly causeAttempt: string | null;
  readonly emittedEvent: string | null;
  readonly actor: string | null;
  readonly note: string | null;
}

/** What a step has come to. */
export interface FenceView {
  readonly saga: string;
  readonly version: number;
  readonly instance: string;
  readonly step: string;
  readonly seq: number;
  readonly consumer: string;
  readonly key: string;
  readonly state: FenceState;
  readonly reasonCode: string | null;
  readonly reason: string | null;
  /** Since when it waits for a person. */
  readonly stuckSince: string | null;
}

/** An act of an operator, in the story of a piece of work. */
export interface OperatorAct {
  readonly at: string;
  readonly op: 'operator';
  readonly by: string;
  readonly note: string;
}

/** Work of the saga worker for a step: a call, an undo that is tried again, a timer. */
export interface StepWorkView {
  readonly kind: 'work';
  readonly at: string;
  readonly id: string;
  readonly step: string;
  readonly op: WorkOp;
  readonly consumer: string;
  readonly state: WorkState;
  readonly stuckReason: string | null;
  readonly dueAt: string;
  readonly endedAt: string | null;
  readonly causeEvent: string;
  readonly story: readonly (WorkAttempt | OperatorAct)[];
}

/** What one database knows of one instance. */
export interface SagaChapter {
  readonly fences: readonly FenceView[];
  readonly journal: readonly JournalRow[];
  readonly work: readonly StepWorkView[];
}

// For people: the keys of fence and journal begin with the saga's name, so without it these are scans.
const chapterSql = `
  select json_build_object(
    'fences', coalesce((select json_agg(json_build_object('saga', saga, 'version', version, 'instance', instance, 'step', step,
        'seq', seq, 'consumer', consumer, 'key', key, 'state', state, 'reasonCode', reason_code, 'reason', reason,
        'stuckSince', stuck_since) order by step)
      from converge.saga_fence where ($1::text is null or instance = $1) and ($2::text is null or saga = $2)), '[]'),
    'journal', coalesce((select json_agg(json_build_object('kind', 'decision', 'at', s.at, 'saga', s.saga,
        'version', s.version, 'instance', s.instance, 'step', s.step, 'seq', s.seq, 'consumer', f.consumer, 'op', s.op,
        'trigger', s.trigger, 'from', s.state_from, 'to', s.state_to, 'act', s.act, 'outcome', s.outcome,
        'plan', s.plan::json, 'causeEvent', s.cause_event, 'causeAttempt', s.cause_attempt,
        'emittedEvent', s.emitted_event, 'actor', s.actor, 'note', s.note) order by s.id)
      from converge.saga_step s left join converge.saga_fence f using (saga, instance, step)
     where ($1::text is null or s.instance = $1) and ($2::text is null or s.saga = $2)), '[]'),
    'work', coalesce((select json_agg(json_build_object('kind', 'work', 'at', created_at, 'id', id, 'step', step, 'op', op,
        'consumer', consumer, 'state', state, 'stuckReason', stuck_reason, 
        'dueAt', due_at, 'endedAt', ended_at,
        'causeEvent', cause::json ->> 'eventId', 'story', story::json) order by created_at)
      from converge.saga_work where instance is not null and ($1::text is null or instance = $1) and ($2::text is null or saga = $2)), '[]')) as chapter`;

/** Everything that this database knows of an instance, or of all. `saga`: its name, where it is known. */
export async function readChapter(
  executor: Executor,
  { saga, instance }: { readonly saga?: string | undefined; readonly instance?: string | undefined },
): Promise<SagaChapter> {
  const { rows } = await executor.query<{ chapter: SagaChapter }>(chapterSql, [
    instance ?? null,
    saga ?? null,
  ]);
  return rows[0]?.chapter ?? { fences: [], journal: [], work: [] };
}
