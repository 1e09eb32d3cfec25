import type { Executor } from '@convergekit/postgres';
import { awaitedQuotaSql } from '../calls/quota/quota-sql.ts';
import type { JournalOp, WorkOp } from '../calls/work/step-key.ts';
import { namesSql, type Run, type SagaTable } from '../calls/journal/runs-sql.ts';
import type { OperatorAct, WorkAttempt, WorkState } from '../calls/work/work.ts';
import type { FenceAct, FenceFrom, FenceState, FenceTrigger } from '../fence/fence.ts';
import type { KeptWork } from '../fence/entry.ts';
import { callName, stepName } from '../step/member.ts';
import { workId } from '../step/calls/request-work.ts';

/** The plan for the undo of a step, as it was when the step began. */
export interface Plan {
  /** The step's undo; null: it cannot be undone. */
  readonly undo: string | null;
  /** The steps that are undone before this step. Undefined: none. */
  readonly after?: readonly string[];
  /** The reason why there is nothing to undo. Undefined where there is something. */
  readonly because?: string;
}

/** A decision of a step's fence, as the journal has it. */
export interface JournalRow {
  /** The kind of entry of a saga's story. */
  readonly kind: 'decision';
  /** The time of the decision, ISO 8601. */
  readonly at: string;
  /** The name of the saga. */
  readonly saga: string;
  /** The version of the saga. */
  readonly version: number;
  /** The id of the event that started the run. */
  readonly instance: string;
  /** The name of the step. */
  readonly step: string;
  /** The number of the decision, from 1 without a gap. */
  readonly seq: number;
  /** The consumer of the step; null once the state of the step was deleted. */
  readonly consumer: string | null;
  /** The operation that the decision belongs to. */
  readonly op: JournalOp;
  /** The event or outcome that led to the decision. */
  readonly trigger: FenceTrigger;
  /** The state before it. */
  readonly from: FenceFrom;
  /** The state after it. */
  readonly to: FenceFrom;
  /** What followed from it, such as a call or an event. */
  readonly act: FenceAct;
  /** The outcome of the effect; null where it has none yet. */
  readonly outcome: string | null;
  /** The plan for the undo; null but for the decision that begins the step. */
  readonly plan: Plan | null;
  /** The id of the event that led to the decision. */
  readonly causeEvent: string;
  /** The attempt that emitted that event; null: none did. */
  readonly causeAttempt: string | null;
  /** The id of the event that the decision emitted; null: none. */
  readonly emittedEvent: string | null;
  /** The operator who decided; null: none did. */
  readonly actor: string | null;
  /** The operator's reason; null without an operator. */
  readonly note: string | null;
}

/** The state of a step. */
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
  /** The time since which the step waits for an operator. */
  readonly stuckSince: string | null;
  /** True when the step's journal was removed, since its run ended long ago. */
  readonly stripped: boolean;
}

/** Work of the saga worker for a step: a call, an undo that is retried, a timer. */
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
  /** The quota without a call left, for which the work waits. */
  readonly awaitsQuota: string | null;
  readonly causeEvent: string;
  readonly story: readonly (WorkAttempt | OperatorAct)[];
}

/** The records of one database about one instance. */
export interface SagaRecords {
  readonly fences: readonly FenceView[];
  readonly journal: readonly JournalRow[];
  readonly work: readonly StepWorkView[];
}

/** A decision `s` of a fence `f`, as `StoredDecision`: SQL. */
const decisionSql = `json_build_object('work', s.work, 'row', json_build_object('kind', 'decision', 'at', s.at, 'saga', s.saga,
        'version', s.version, 'instance', s.instance, 'step', s.step, 'seq', s.seq, 'consumer', f.consumer, 'op', s.op,
        'trigger', s.trigger, 'from', s.state_from, 'to', s.state_to, 'act', s.act, 'outcome', s.outcome,
        'plan', s.plan::json, 'causeEvent', s.cause_event, 'causeAttempt', s.cause_attempt,
        'emittedEvent', s.emitted_event, 'actor', s.actor, 'note', s.note))`;

// Reads the records for operators. The keys of these tables begin with the saga's name: one instance is looked up under
// each name that there is, which are few, by jumps in the key from one name to the next (Postgres 18 would do so by
// itself). All other reads are scans.
const recordsSql = (of: (table: SagaTable) => string): string => `
  select json_build_object(
    'fences', coalesce((select json_agg(json_build_object('saga', saga, 'version', version, 'instance', instance, 'step', step,
        'seq', seq, 'consumer', consumer, 'key', key, 'state', state, 'reasonCode', reason_code, 'reason', reason,
        'stuckSince', stuck_since, 'stripped', stripped_at is not null) order by step)
      from converge.saga_fence where ${of('saga_fence')}), '[]'),
    'journal', coalesce((select json_agg(${decisionSql} order by s.at, s.step, s.seq)
      from converge.saga_fence f join converge.saga_step s using (saga, instance, step) where ${of('saga_fence')}), '[]'),
    'work', coalesce((select json_agg(json_build_object('kind', 'work', 'at', created_at, 'id', id, 'step', step, 'op', op,
        'consumer', consumer, 'state', state, 'stuckReason', stuck_reason, 'dueAt', due_at, 'endedAt', ended_at,
        'awaitsQuota', ${awaitedQuotaSql('saga_work')},
        'causeEvent', cause::json ->> 'eventId', 'story', story::json) order by created_at)
      from converge.saga_work where saga is not null and ${of('saga_work')}), '[]')) as chapter`;

const oneSql = recordsSql((table) => `instance = $1 and saga = any (array(${namesSql(table)}))`);
const runsSql = recordsSql(() => '(saga, instance) in (select * from unnest($1::text[], $2::text[]))');
const allSql = recordsSql(() => 'true');

/** Everything that this database knows of an instance, of some runs, or of all. */
export async function readSagaRecords(
  executor: Executor,
  { instance, runs }: { readonly instance?: string | undefined; readonly runs?: readonly Run[] },
): Promise<SagaRecords> {
  const read = (sql: string, values: readonly unknown[]) =>
    executor.query<{ chapter: StoredRecords }>(sql, values);
  const { rows } =
    runs !== undefined
      ? await read(runsSql, [runs.map(({ name }) => name), runs.map(({ id }) => id)])
      : await (instance === undefined ? read(allSql, []) : read(oneSql, [instance]));
  const { fences, journal, work } = rows[0]?.chapter ?? { fences: [], journal: [], work: [] };
  return {
    fences,
    journal: journal.map(({ row }) => row),
    work: [...work, ...journal.flatMap(endedWork)].toSorted((a, b) => a.at.localeCompare(b.at)),
  };
}

/** A decision as it is read, with the work that it ended. */
interface StoredDecision {
  readonly row: JournalRow;
  readonly work: KeptWork | null;
}

/** Pure: the work that a decision ended. */
function endedWork({ work, row }: StoredDecision): readonly StepWorkView[] {
  if (work === null) return [];
  const { saga, instance, step, causeEvent, at: endedAt, consumer } = row;
  const { at, op = row.op, state = 'done', event = causeEvent, story } = work;
  const id = workId({ saga, instance, step }, op);
  return [
    {
      kind: 'work',
      at,
      id,
      step,
      op,
      consumer: consumer ?? '',
      state,
      story,
      causeEvent: event,
      stuckReason: null,
      awaitsQuota: null,
      dueAt: endedAt,
      endedAt,
    },
  ];
}

interface StoredRecords extends Omit<SagaRecords, 'journal'> {
  readonly journal: readonly StoredDecision[];
}

// A step changes near its begin and near its end: both times have an index. Each has a condition of its own in each span, since one
// for both would read the whole table. Steps whose journals have left are in neither. The found ones are read by their keys,
// however many the planner expects.
const endedSql = `
  with found as (
    select distinct f.* from unnest($2::timestamptz[], $3::timestamptz[]) r(low, high)
     cross join lateral (
       select saga, instance, step, consumer from converge.saga_fence
        where created_at >= r.low and created_at < r.high and (stripped_at is null or changed_at > stripped_at)
       union
       select saga, instance, step, consumer from converge.saga_fence where changed_at >= r.low and changed_at < r.high) as f)
  select ${decisionSql} as decision
    from found f
   cross join lateral (
      select * from converge.saga_step s where s.saga = f.saga and s.instance = f.instance and s.step = f.step offset 0) as s
   where s.work is not null and coalesce(s.work ->> 'event', s.cause_event) = any ($1::text[])`;

/** Work of a step that has ended, with the names of its handler and its call. */
export interface EndedStepWork extends StepWorkView {
  readonly handler: string;
  readonly call: string;
  readonly state: Extract<WorkState, 'done' | 'failed'>;
}

/** Reads the ended work that handlers of these events requested, of steps that began or changed in these spans of time. */
export async function readEndedWork(
  executor: Executor,
  events: readonly string[],
  spans: { readonly from: readonly string[]; readonly to: readonly string[] },
): Promise<readonly EndedStepWork[]> {
  const { rows } = await executor.query<{ decision: StoredDecision }>(endedSql, [
    events,
    spans.from,
    spans.to,
  ]);
  return rows.flatMap(({ decision }) => {
    const { saga, step: name, version } = decision.row;
    const of = { saga, name, version };
    return endedWork(decision).map((work) => ({
      ...work,
      handler: stepName(of),
      call: callName(of, work.op),
      state: work.state === 'failed' ? 'failed' : 'done',
    }));
  });
}
