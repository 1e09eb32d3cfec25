import { failingConsumerOf, KIT_TYPES } from '@convergekit/contracts/engine';
import { InboxError } from '../errors.ts';
import type { Claim, Reading } from './reading.ts';
import { signerOf, type Signatures } from './signatures.ts';

/** The consumer whose failure a record reports; undefined for all other events. */
export function failingConsumer({ content }: Reading): string | undefined {
  if (content.kind !== 'envelope') return undefined;
  const { type, topic } = content.envelope;
  if (type !== KIT_TYPES.failure && type !== KIT_TYPES.stuck && type !== KIT_TYPES.stepUndone)
    return undefined;
  return failingConsumerOf(topic) ?? topic;
}

/** The sources whose failure events count. */
export interface FailureTrust {
  /** Failing consumer → the source of its failure events: the declared one, or without signatures the first one seen. */
  readonly failureSources: ReadonlyMap<string, string>;
  /** Where signatures are on, the source must sign, too, and no source is trusted because it was the first. */
  readonly signatures?: Signatures | undefined;
}

/** True when a source whose position counts may report failures of this consumer. Pure. */
export function mayReport(
  failing: string,
  { source, sourceName }: Claim,
  { failureSources, signatures }: FailureTrust,
): boolean {
  const own = failureSources.get(failing);
  if (signatures === undefined) return source === own;
  if (own === undefined) return sourceName === signerOf(signatures, failing);
  return source === own && signatures.keys.has(sourceName);
}

/**
 * Refuses a failure event from another source than the failing consumer's own: a dead letter that must not be retried, and releases
 * its key. To act on it would undo steps that never
 * failed. `source` is the one whose position counted for this record. The function is pure.
 */
export function refuseFailure(reading: Reading, source: string | undefined, trust: FailureTrust) {
  const failing = failingConsumer(reading);
  if (failing === undefined || reading.content.kind !== 'envelope') return undefined;
  const { claim } = reading;
  if (source !== undefined && claim !== undefined && mayReport(failing, claim, trust)) return undefined;
  const from =
    source === undefined
      ? 'it has no position of a known source'
      : `it comes from source ${source} (${claim?.sourceName ?? ''})`;
  const why = `${from}, and failure events of ${failing} come from ${ownSource(failing, trust)}`;
  return {
    kind: 'refuse' as const,
    envelope: reading.content.envelope,
    foreign: source === undefined,
    releases: true as const,
    closed: why,
    error: new InboxError(
      'FAILURE_SOURCE',
      `a failure event that ${failing} did not emit: ${why}. Nothing was compensated. ${remedy(failing, trust)}`,
      { category: 'data' },
    ),
  };
}

function ownSource(failing: string, { failureSources, signatures }: FailureTrust): string {
  const own = failureSources.get(failing);
  if (own !== undefined) return `source ${own}`;
  if (signatures === undefined) return 'a source that was not seen yet';
  const signer = signerOf(signatures, failing);
  return signer === undefined ? 'no source that signs them' : `the source that signs as ${signer}`;
}

function remedy(failing: string, { failureSources, signatures }: FailureTrust): string {
  if (signatures !== undefined && !failureSources.has(failing))
    return `If this is its source, name it: signatures: { failures: { '${failing}': '<name>' } } of the service, with its key in \`keys\``;
  return `If ${failing} has moved to another database, declare it: failureSources: { '${failing}': '<uuid>' } of the consumer (\`converge source show\` prints it)`;
}
