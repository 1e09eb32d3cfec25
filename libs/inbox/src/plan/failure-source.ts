import { type Envelope, FAILURE_TYPE, STEP_UNDONE_TYPE, STUCK_TYPE } from '@convergekit/contracts/engine';
import { InboxError } from '../errors.ts';
import type { Reading } from './reading.ts';

const SUFFIX = '.failures';

/** The consumer whose failure a record reports; undefined for all other events. */
export function failingConsumer({ content }: Reading): string | undefined {
  if (content.kind !== 'envelope') return undefined;
  const { type, topic } = content.envelope;
  if (type !== FAILURE_TYPE && type !== STUCK_TYPE && type !== STEP_UNDONE_TYPE) return undefined;
  return topic.endsWith(SUFFIX) ? topic.slice(0, -SUFFIX.length) : topic;
}

/** The refusal of a failure event: a dead letter that must not be retried and releases its key. */
export interface RefusedFailure {
  readonly kind: 'refuse';
  readonly envelope: Envelope;
  readonly foreign: boolean;
  readonly releases: true;
  readonly closed: string;
  readonly error: InboxError;
}

/**
 * Refuses a failure event from another source than the failing consumer's own. To act on it would undo steps that never
 * failed. `source` is the one whose position counted for this record. The function is pure.
 */
export function refuseFailure(
  reading: Reading,
  source: string | undefined,
  failureSources: ReadonlyMap<string, string>,
): RefusedFailure | undefined {
  const failing = failingConsumer(reading);
  if (failing === undefined || reading.content.kind !== 'envelope') return undefined;
  const own = failureSources.get(failing);
  if (source !== undefined && source === own) return undefined;
  const why = `${source === undefined ? 'it has no position of a known source' : `it comes from source ${source}`}, and failure events of ${failing} come from ${own === undefined ? 'a source that was not seen yet' : `source ${own}`}`;
  return {
    kind: 'refuse',
    envelope: reading.content.envelope,
    foreign: source === undefined,
    releases: true,
    closed: why,
    error: new InboxError(
      'FAILURE_SOURCE',
      `a failure event that ${failing} did not emit: ${why}. Nothing was compensated. If ${failing} has moved to another database, declare it: failureSources: { '${failing}': '<uuid>' } of the consumer (\`converge source show\` prints it)`,
      { category: 'data' },
    ),
  };
}
