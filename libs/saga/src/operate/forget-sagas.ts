import type { Executor } from '@converge/postgres';
import { endedRuns, type EndedRun, forgetEnds, forgetSteps, heldRuns } from './forget-sql.ts';

export interface ForgetOptions {
  /** Of the observer, whose word it is that a saga has ended. */
  readonly observer: Executor;
  /** Of every service that takes part: one that is left out keeps its rows. May name the observer's. */
  readonly services: readonly Executor[];
  /**
   * How long ago it must have ended, and its steps moved last. Milliseconds. Longer than anything can come late: than
   * topics keep events, and dead letters wait for their operator.
   */
  readonly olderThanMs: number;
  /** Says what would go, and changes nothing. @default false */
  readonly dryRun?: boolean;
}

export interface Forgotten {
  readonly sagas: number;
  readonly steps: number;
  /** Ended for the observer, and not for a service: they stay. */
  readonly held: number;
}

/** Runs in one transaction of each database. */
const PAGE = 500;

/**
 * Forgets sagas that ended long ago: in their services first, then for the observer, so that it can be broken off and run
 * again. A saga that is not over in one of the services stays in all of them.
 */
export async function forgetSagas(options: ForgetOptions): Promise<Forgotten> {
  const { observer, services, olderThanMs, dryRun = false } = options;
  const forgotten = { sagas: 0, steps: 0, held: 0 };
  let after: EndedRun | undefined;
  for (;;) {
    const runs = await endedRuns(observer, olderThanMs, after, PAGE);
    after = runs.at(-1);
    if (after === undefined) return forgotten;
    const held = new Set<string>();
    for (const service of services)
      for (const run of await heldRuns(service, runs, olderThanMs)) held.add(nameOf(run));
    const gone = runs.filter((run) => !held.has(nameOf(run)));
    forgotten.sagas += gone.length;
    forgotten.held += held.size;
    if (dryRun) continue;
    for (const service of services) forgotten.steps += await forgetSteps(service, gone, olderThanMs);
    await forgetEnds(observer, gone);
  }
}

function nameOf({ saga, instance }: { readonly saga: string; readonly instance: string }): string {
  return `${saga} ${instance}`;
}
