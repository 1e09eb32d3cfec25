import { executorOf } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import { sweep, type SweepRequest } from './sweep.ts';
import { failureText } from '../verdict/verdict.ts';
import { causeOf } from './cause.ts';
import { beginUnled, endRun, type Progress, type RunCause, saveProgress } from './run-sql.ts';

export interface UnledRequest extends Pick<
  SweepRequest,
  'reconciler' | 'databases' | 'everything' | 'onUnknown'
> {
  readonly holder: string;
  readonly cause: RunCause;
  readonly actor: string | null;
  readonly signal?: AbortSignal;
}

/** Sweeps once beside the schedule, with a row in the history. Undefined: it was ended early. */
export async function sweepUnled(request: UnledRequest): Promise<Progress | undefined> {
  const { reconciler, databases, holder, cause, actor, signal, everything = false, onUnknown } = request;
  const executor = executorOf(databases.actual);
  const run = await beginUnled(executor, { reconciler: reconciler.name, holder, cause, actor });
  const mine = { id: run.id, holder };
  try {
    const swept = await sweep({
      reconciler,
      databases,
      everything,
      startedAt: run.startedAt,
      cause: causeOf(run),
      save: async (progress) => (await saveProgress(executor, mine, progress)) && signal?.aborted !== true,
      ...(onUnknown !== undefined && { onUnknown }),
    });
    if (swept !== undefined) await endRun(executor, mine, { state: 'completed', reason: null });
    return swept;
  } catch (error) {
    await endRun(executor, mine, { state: 'failed', reason: failureText(classify(error)) });
    throw error;
  }
}
