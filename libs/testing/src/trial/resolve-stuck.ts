import { actOnWork } from '@convergekit/saga/operate';
import type { Executor } from '@convergekit/postgres';
import type { OpenWork } from './trial-sql.ts';
import type { Made, TrialHooks } from './types.ts';

/** Resolves stuck work as an operator does, who has looked into the other side's records. */
export async function resolveStuck(
  executor: Executor,
  work: OpenWork,
  { took, timePasses }: Pick<TrialHooks, 'took' | 'timePasses'>,
): Promise<void> {
  if (took === undefined)
    throw new Error(
      `${work.effect} is stuck with an unknown outcome, which an operator resolves: give the call a \`query\`, or sagaTrial \`took\``,
    );
  timePasses?.();
  const made = await took(work);
  const outcome =
    made === undefined
      ? ({ kind: 'failed', failure: NO_RECORD } as const)
      : ({ kind: 'succeeded', result: factOf(made) } as const);
  await actOnWork(executor, work.id, { actor: 'trial', note: 'their records say so' }, outcome);
}

const NO_RECORD = {
  category: 'business',
  certainty: 'not_applied',
  code: 'NO_RECORD',
  message: 'the other side has no record of it',
} as const;

function factOf({ type, version, payload }: Made): string {
  return JSON.stringify({ type, version, payload });
}
