import type { Executor } from '@convergekit/postgres';
import type { Step } from '../decide/plan.ts';
import type { PartitionKey } from '../query/fence.ts';
import { readHandled } from '../query/type.ts';
import { TypeAhead } from './slice-errors.ts';

/**
 * Looks up the types that this version does not know, under the fence, before they are passed. One that another version
 * handles is not to be passed: its events would be lost to it.
 */
export async function refuseAhead<DB>(
  tx: Executor,
  key: PartitionKey,
  steps: readonly Step<DB>[],
): Promise<void> {
  const unknown = new Set(steps.flatMap((step) => (step.unknown === undefined ? [] : [step.unknown])));
  if (unknown.size === 0) return;
  const handled = await readHandled(tx, key, [...unknown]);
  if (handled.length > 0) throw new TypeAhead(handled);
}
