import type { WorkState } from '../effects/work/work.ts';
import type { Executor } from '@convergekit/postgres';
import { effectName, stepName } from '../step/effect-name.ts';
import { decisionSql, endedWork, type StepWorkView, type StoredDecision } from './records-sql.ts';

// A step changes near its begin and near its end: both times have an index. Steps whose journals have left are in neither. The
// found ones are read by their keys, however many the planner expects.
const endedSql = `
  with found as (
    select distinct f.saga, f.instance, f.step, f.consumer
      from unnest($2::timestamptz[], $3::timestamptz[]) r(low, high)
      join converge.saga_fence f
        on f.created_at >= r.low and f.created_at < r.high and (f.stripped_at is null or f.changed_at > f.stripped_at)
        or f.changed_at >= r.low and f.changed_at < r.high)
  select ${decisionSql} as decision
    from found f
   cross join lateral (
      select * from converge.saga_step s where s.saga = f.saga and s.instance = f.instance and s.step = f.step offset 0) as s
   where s.work is not null and coalesce(s.work ->> 'event', s.cause_event) = any ($1::text[])`;

/** Work of a step that has ended, with the names of its handler and its effect. */
export interface EndedStepWork extends StepWorkView {
  readonly handler: string;
  readonly effect: string;
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
      effect: effectName(of, work.op),
      state: work.state === 'failed' ? 'failed' : 'done',
    }));
  });
}
