import { hostname } from 'node:os';
import type { Database } from '@convergekit/postgres';
import { PolicyBook, SharedGuards } from '@convergekit/resilience';
import { type Clock, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';
import type { Effect } from '../effect/types.ts';
import { EffectError } from '../errors.ts';
import { quotaConflict } from '../quota/quota.ts';

export interface SagaWorkerOptions<DB> {
  /** The database in which the intents stand: the service's own. */
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /**
   * Further pools of this process on the same database: work that their transactions write wakes this worker, too.
   * @default none
   */
  readonly wokenBy?: readonly { readonly db: object }[];
  /** Unique to this process. @default host name and a UUID */
  readonly holder?: string;
  /**
   * The pause before the next look for work when there was none. A worker that is woken for its work, by consumers of
   * its own process with the same `database`, looks each second, and so does one that found none in its first minute.
   * In milliseconds. @default 100
   */
  readonly pollMs?: number;
  /**
   * The lease of a call, which is renewed three times as often while the call runs: so long it stays with a worker that
   * died. A call that can be neither repeated nor queried has the time of its policy and `leaseMarginMs`. In
   * milliseconds. @default 5_000
   */
  readonly leaseMs?: number;
  /**
   * The time after the deadline of the operation's policy at which a call has ended for certain, and its outcome is
   * recorded. In milliseconds. @default 10_000
   */
  readonly leaseMarginMs?: number;
  /**
   * The time a stop lets calls in flight continue; calls that are cut off are queried later. In milliseconds. @default
   * 10_000
   */
  readonly drainMs?: number;
  /**
   * The time unbegun work may wait before the alarm: no worker declares its effect, or none has a place. An intent that
   * no process can read is stuck after the same time. In milliseconds. @default 900_000
   */
  readonly undeclaredMs?: number;
  /**
   * The time work may fail before it is shown as stuck and an operator is alerted. The failure may be of a call, a
   * query, an undo or a reaction; the work is still retried. A pause of a saga that lasts longer raises an alarm, too. In
   * milliseconds. @default 900_000
   */
  readonly stuckAfterMs?: number;
  /** The time ended intents are kept. In milliseconds. @default 2_592_000_000 (30 days) */
  readonly keepMs?: number;
  /**
   * The period of housekeeping: overdue and undeclared intents are alerted, old ones deleted, and this worker reports.
   * In milliseconds, at most 300_000. @default 60_000
   */
  readonly tidyMs?: number;
  /**
   * The policies, breakers and retry budgets of the process, by the effect's name. @default separate ones, with the
   * kit's policy
   */
  readonly shared?: SharedGuards;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
}

export type ResolvedOptions<DB> = Readonly<Required<SagaWorkerOptions<DB>>> & {
  readonly effects: ReadonlyMap<string, Effect<DB>>;
  /** Called when a row is put off, with the time until it is due in milliseconds. */
  readonly onPutOff?: (ms: number) => void;
};

const MILLISECONDS = [
  'pollMs',
  'leaseMs',
  'leaseMarginMs',
  'drainMs',
  'undeclaredMs',
  'stuckAfterMs',
  'keepMs',
  'tidyMs',
] as const;

export function resolveOptions<DB>(
  effects: readonly Effect<DB>[],
  options: SagaWorkerOptions<DB>,
): ResolvedOptions<DB> {
  const byName = new Map(effects.map((effect) => [effect.name, effect]));
  if (effects.length === 0) throw invalid('it has no effect to run: give it those that handlers ask for');
  const twice = effects.find((effect) => byName.get(effect.name) !== effect);
  if (twice !== undefined)
    throw invalid(`two effects are named ${twice.name}: their intents could not be answer apart; rename one`);
  const conflict = quotaConflict(effects.map(({ quota }) => quota));
  if (conflict !== undefined)
    throw invalid(
      `quota ${conflict.name} is declared with different rates: share one declaration, or give the quotas two names`,
    );
  const { clock = systemClock, random = systemRandom } = options;
  const resolved: ResolvedOptions<DB> = Object.freeze({
    holder: `${hostname()}/${newUuidV7()}`,
    wokenBy: [],
    pollMs: 100,
    leaseMs: 5_000,
    leaseMarginMs: 10_000,
    drainMs: 10_000,
    undeclaredMs: 900_000,
    stuckAfterMs: 900_000,
    keepMs: 2_592_000_000,
    tidyMs: 60_000,
    clock,
    random,
    log: logger('saga'),
    ...options,
    shared: options.shared ?? new SharedGuards({ policies: new PolicyBook([]), clock, random }),
    effects: byName,
  });
  for (const name of MILLISECONDS)
    if (!(Number.isInteger(resolved[name]) && resolved[name] >= 1))
      throw invalid(`${name} is ${resolved[name]}, but must be a whole number of milliseconds from 1`);
  // A worker that has not been seen for twice as long counts as gone: see `worker-sql.ts`.
  if (resolved.tidyMs > 300_000)
    throw invalid(
      `tidyMs is ${resolved.tidyMs}, but must be at most 300000: consumers would take it for gone`,
    );
  return resolved;
}

function invalid(what: string): EffectError {
  return new EffectError('WORKER_INVALID', `the saga worker cannot start: ${what}`);
}
