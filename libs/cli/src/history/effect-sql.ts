import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { awaitedQuotaSql, type EndedStepWork, readEndedWork } from '@convergekit/saga/operate';
import { bounds, type Window } from './window.ts';

/** A call to another system that a handler asked for. */
export interface StoredEffect {
  readonly kind: 'effect';
  readonly at: string;
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly eventId: string;
  readonly effect: string;
  readonly state: string;
  readonly stuckReason: string | null;
  readonly endedAt: string | null;
  /** The quota without a call left, for which the call waits. */
  readonly awaitsQuota: string | null;
}

/** An attempt at an effect: a call, or a query of the outcome of a call. */
export interface StoredCall {
  readonly kind: 'call';
  readonly at: string;
  readonly id: string;
  /** The number among the attempts at this effect: several may begin within one millisecond. */
  readonly number: number;
  readonly consumer: string;
  readonly eventId: string;
  readonly effect: string;
  readonly op: string;
  readonly durationMs: number;
  readonly failure?: {
    readonly category: string;
    readonly certainty: string;
    readonly code: string;
    readonly message: string;
  };
  readonly found?: string;
  readonly wait?: {
    readonly rule: string;
    readonly computedMs: number;
    readonly hintMs?: number;
    readonly capMs: number;
    readonly budgetLeft?: number;
  };
}

type RawEffect = StoredEffect & Pick<EndedStepWork, 'story'>;

const columns = `
  json_build_object('kind', 'effect', 'at', w.created_at, 'id', w.id, 'consumer', w.consumer, 'handler', w.handler,
    'eventId', w.cause::json ->> 'eventId', 'effect', w.effect, 'state', w.state, 'stuckReason', w.stuck_reason,
    'endedAt', w.ended_at, 'awaitsQuota', ${awaitedQuotaSql('w')}, 'story', w.story::json) as effect`;
// The statement uses three partial indexes: open effects, stuck ones, and those that ended in these spans.
const effectsSql = `
  select ${columns} from converge.saga_work w
   where w.state in ('ready', 'calling', 'unknown', 'answered') and w.cause::json ->> 'eventId' = any ($1)
  union all
  select ${columns} from converge.saga_work w where w.state = 'stuck' and w.cause::json ->> 'eventId' = any ($1)
  union all
  select ${columns} from unnest($2::timestamptz[], $3::timestamptz[]) r(low, high)
    join converge.saga_work w on w.ended_at >= r.low and w.ended_at < r.high
   where w.ended_at is not null and w.cause::json ->> 'eventId' = any ($1)`;

/** Reads the effects that handlers of these events requested, with all attempts. */
export async function readEffects(
  executor: Executor,
  ids: readonly string[],
  windows: readonly Window[],
): Promise<readonly (StoredEffect | StoredCall)[]> {
  if (!(await hasTables(executor, 'converge.call_quota'))) return [];
  const { from, to } = bounds(windows);
  const { rows } = await executor.query<{ effect: RawEffect }>(effectsSql, [ids, from, to]);
  const ended = await readEndedWork(executor, ids, { from, to });
  return [...rows.map(({ effect }) => effect), ...ended.map(ofStep)].flatMap(({ story, ...effect }) => {
    const { id, consumer, eventId, effect: name } = effect;
    // Acts of operators are read from the audit.
    const calls = story.flatMap((one, index): readonly StoredCall[] =>
      one.op === 'operator'
        ? []
        : [{ kind: 'call', id, number: index + 1, consumer, eventId, effect: name, ...one }],
    );
    return [effect, ...calls];
  });
}

function ofStep(work: EndedStepWork): RawEffect {
  const { at, id, consumer, handler, effect, state, stuckReason, endedAt, awaitsQuota, story } = work;
  return {
    ...{ kind: 'effect', at, id, consumer, handler, eventId: work.causeEvent, effect },
    ...{ state, stuckReason, endedAt, awaitsQuota, story },
  };
}
