import type { ConsumerDefinition } from '@convergekit/inbox';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { explainMissing } from '../explain-missing.ts';
import { SagaError } from '../errors.ts';
import type { Member } from './member.ts';

/** The time for which an applied step may still be undone, when nothing else is known of its saga. */
const OPEN_FOR = '1 day';

// The first part by the index of open rows. The second reads the consumer's rows of one day: once, at the start. A step whose
// plan says that there is no way back from it has nothing more to do once it took effect.
const openSql = `
  select saga, version, step, count(*) filter (where state not in ('applied', 'failed_applied'))::int as open,
    count(*) filter (where state in ('applied', 'failed_applied'))::int as applied
    from converge.saga_fence fence
   where consumer = $1
     and (state in ('started', 'unknown', 'undo_pending', 'stuck')
          or state in ('applied', 'failed_applied') and changed_at > clock_timestamp() - interval '${OPEN_FOR}'
             and exists (select from converge.saga_step intent
                          where intent.saga = fence.saga and intent.instance = fence.instance and intent.step = fence.step
                            and intent.plan::json ->> 'undo' is not null))
     and not exists (select from unnest($2::text[], $3::text[], $4::int[]) as here(saga, step, version)
                      where here.saga = fence.saga and here.step = fence.step and here.version = fence.version)
   group by saga, step, version order by saga, version, step`;

interface Open {
  readonly saga: string;
  readonly step: string;
  readonly version: number;
  /** The number of instances whose step has not ended, or may still be undone. */
  readonly open: number;
  readonly applied: number;
}

/** Rejects when sagas are open here of versions that this consumer has no handlers for. */
export async function checkVersions<DB>(
  executor: Executor,
  consumer: string,
  members: readonly Member<DB>[],
): Promise<void> {
  const { rows } = await executor
    .query<Open>(openSql, [
      consumer,
      members.map(({ step }) => step.saga),
      members.map(({ step }) => step.name),
      members.map(({ step }) => step.version),
    ])
    .catch(explainMissing);
  if (rows.length === 0) return;
  const open = rows.map(
    (one) => `saga ${one.saga} v${one.version}, step ${one.step}: ${countsOf(one).join(' and ')}`,
  );
  throw new SagaError(
    'SAGA_VERSION_IN_USE',
    `consumer ${consumer} cannot start: sagas are open of versions that it has no handlers for: ${open.join('; ')}. Include step(…) of those versions beside the new ones until they have ended`,
  );
}

/**
 * Rejects when sagas are open here of steps of consumers that include no step any more: such a consumer checks nothing, and
 * would never undo what took effect.
 */
export async function checkRemovedSteps<DB>(
  executor: Executor,
  consumers: readonly Pick<ConsumerDefinition<DB>, 'name' | 'parts'>[],
): Promise<void> {
  const without = consumers.filter(({ parts }) => parts.length === 0);
  if (without.length === 0 || !(await hasTables(executor, 'converge.saga_fence'))) return;
  for (const { name } of without) await checkVersions(executor, name, []);
}

function countsOf({ open, applied }: Open): readonly string[] {
  return [
    ...(open === 0 ? [] : [`${open} open`]),
    ...(applied === 0 ? [] : [`${applied} that took effect within a day and may have to be undone`]),
  ];
}
