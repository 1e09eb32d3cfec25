import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';
import { countUndeclared } from './tidy-sql.ts';

export interface UndeclaredOptions {
  readonly executor: Executor;
  /** The effects that this worker declares. */
  readonly declared: readonly string[];
  /** The time that intents may wait, in milliseconds. */
  readonly undeclaredMs: number;
  readonly log: Logger;
}

/** Creates a check for intents whose effect no worker declares: an alarm each time, and zero in the metric once they are gone. */
export function undeclaredCheck({
  executor,
  declared,
  undeclaredMs,
  log,
}: UndeclaredOptions): () => Promise<void> {
  const reported = new Set<string>();
  return async () => {
    const found = await countUndeclared(executor, declared, undeclaredMs);
    const counts = new Map([...reported].map((effect) => [effect, 0]));
    for (const { effect, count } of found) {
      reported.add(effect);
      counts.set(effect, count);
      log.error(
        { alarm: 'effect_undeclared', effect, count },
        'intents wait whose effect no worker declares: deploy the code that does, or `converge effects resolve` them',
      );
    }
    for (const [effect, count] of counts)
      instruments().effectsUndeclared.record(count, { [attributeNames.effect]: effect });
  };
}
