import type { Clock } from '@convergekit/core';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { ScanChunk } from '../definition.ts';

/** Records the duration of a pass and how it ended. The chunks pass unchanged. */
export async function* measured(
  reconciler: string,
  clock: Clock,
  pass: AsyncIterable<ScanChunk>,
): AsyncGenerator<ScanChunk> {
  const began = clock.monotonic();
  let outcome: 'interrupted' | 'unknown' | 'completed' = 'interrupted';
  let unknown = false;
  try {
    for await (const chunk of pass) {
      unknown ||= 'unknown' in chunk;
      yield chunk;
    }
    outcome = unknown ? 'unknown' : 'completed';
  } finally {
    instruments().reconcileDigestDuration.recordMs(clock.monotonic() - began, {
      [attributeNames.reconciler]: reconciler,
      [attributeNames.outcome]: outcome,
    });
  }
}
