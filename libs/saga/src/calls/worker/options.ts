import type { WorkerCall } from '../work/worker-call.ts';
import { SagaError } from '../../errors.ts';
import { quotaConflict } from '../quota/quota.ts';
import { type CommonOptions, fractions, WHOLE, withDefaults } from './common-options.ts';

export interface SagaWorkerOptions<DB> extends CommonOptions<DB> {
  /** Further pools of this process on the same database, whose transactions wake this worker, too. @default none */
  readonly wokenBy?: readonly { readonly db: object }[];
  /**
   * The pause before the next look for calls while one of another process was found in the last ten minutes. A worker is
   * woken for calls of its own process with the same `database`, and looks each second besides. In milliseconds.
   * @default 100
   */
  readonly pollMs?: number;
  /**
   * The lease of a call, which is renewed three times as often while the call runs: so long it stays with a worker that
   * died. A call that can be neither repeated nor queried has the time of its policy and `leaseMarginMs`. In
   * milliseconds. @default 5_000
   */
  readonly leaseMs?: number;
  /**
   * The time an unbegun call may wait before the alarm: no worker declares it, or none has a place. An intent that
   * no process can read is stuck after the same time. In milliseconds. @default 900_000
   */
  readonly undeclaredMs?: number;
}

export type ResolvedOptions<DB> = Readonly<Required<SagaWorkerOptions<DB>>> & {
  readonly calls: ReadonlyMap<string, WorkerCall<DB>>;
  /** Called when a row is put off, with the time until it is due in milliseconds. */
  readonly onPutOff?: (ms: number) => void;
};

export function resolveOptions<DB>(
  calls: readonly WorkerCall<DB>[],
  options: SagaWorkerOptions<DB>,
): ResolvedOptions<DB> {
  const byName = new Map(calls.map((call) => [call.name, call]));
  if (calls.length === 0) throw invalid('it has no call to make: give it those that handlers request');
  const twice = calls.find((call) => byName.get(call.name) !== call);
  if (twice !== undefined)
    throw invalid(`two calls are named ${twice.name}: their intents could not be distinguished; rename one`);
  const conflict = quotaConflict(calls.map(({ quota }) => quota));
  if (conflict !== undefined)
    throw invalid(
      `quota ${conflict.name} is declared with different rates: share one declaration, or give the quotas two names`,
    );
  const resolved: ResolvedOptions<DB> = Object.freeze({
    wokenBy: [],
    pollMs: 100,
    leaseMs: 5_000,
    undeclaredMs: 900_000,
    ...options,
    ...withDefaults(options),
    calls: byName,
  });
  const [wrong] = fractions(resolved, [...WHOLE, 'pollMs', 'leaseMs', 'undeclaredMs']);
  if (wrong !== undefined) throw invalid(wrong);
  // A worker that has not been seen for twice as long counts as gone: see `worker-sql.ts`.
  if (resolved.tidyMs > 300_000)
    throw invalid(
      `tidyMs is ${resolved.tidyMs}, but must be at most 300000: consumers would take it for gone`,
    );
  return resolved;
}

function invalid(what: string): SagaError {
  return new SagaError('WORKER_INVALID', `the saga worker cannot start: ${what}`);
}
