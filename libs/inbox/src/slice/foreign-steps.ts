import { createHash } from 'node:crypto';
import type { Envelope } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { envelopeOf, type Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';
import { recordForeign } from './foreign-sql.ts';

interface Identified {
  readonly identity: Buffer;
  readonly payloadHash: Buffer;
  readonly eventId: string;
}

/**
 * Drops repeats among the events without a position of a known source, by one row each. A repeated id with another payload is
 * two events that claim to be one: it becomes a dead letter, never a silent skip.
 */
export async function withoutRepeats<DB>(
  tx: Executor,
  consumer: string,
  steps: readonly Step<DB>[],
): Promise<readonly Step<DB>[]> {
  const foreign = new Map<Step<DB>, Identified>();
  const first = new Map<string, Identified>();
  for (const step of steps) {
    const envelope = foreignEnvelope(step);
    if (envelope === undefined) continue;
    const identified = identify(envelope);
    foreign.set(step, identified);
    const hex = identified.identity.toString('hex');
    if (!first.has(hex)) first.set(hex, identified);
  }
  if (first.size === 0) return steps;
  const known = await recordForeign(tx, consumer, [...first.values()]);
  return steps.map((step) => {
    const identified = foreign.get(step);
    if (identified === undefined) return step;
    const hex = identified.identity.toString('hex');
    const hash = known.get(hex) ?? (first.get(hex) === identified ? undefined : first.get(hex)?.payloadHash);
    if (hash === undefined) return step;
    return hash.equals(identified.payloadHash) ? repeat(step) : reused(step);
  });
}

function foreignEnvelope<DB>(step: Step<DB>): Envelope | undefined {
  return step.kind !== 'skip' && step.foreign ? envelopeOf(step) : undefined;
}

/** Hashes the identity of a foreign event: its id is unique only with its source, and may be too long for an index. */
export function identityHash({ source, id }: Pick<Envelope, 'source' | 'id'>): Buffer {
  return createHash('sha256').update(`${source.length}:${source}${id}`).digest();
}

function identify({ id, source, payload }: Envelope): Identified {
  const identity = identityHash({ source, id });
  return { identity, payloadHash: createHash('sha256').update(payload).digest(), eventId: id };
}

function repeat<DB>({ record, mark }: Step<DB>): Step<DB> {
  return { record, mark, kind: 'skip', why: 'duplicate' };
}

function reused<DB>(step: Step<DB>): Step<DB> {
  const envelope = foreignEnvelope(step);
  const error = new InboxError(
    'FOREIGN_ID_REUSED',
    `source ${envelope?.source ?? ''} sent id ${envelope?.id ?? ''} before, with another payload: two events claim to be one; have the producer give each its own id`,
    { category: 'data' },
  );
  return { record: step.record, mark: step.mark, kind: 'refuse', envelope, foreign: true, error };
}
