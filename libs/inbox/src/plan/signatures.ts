import { ContractError } from '@convergekit/contracts';
import { type SigningKey, signingKey, verifySignature } from '@convergekit/contracts/engine';
import { InboxError } from '../errors.ts';
import type { Reading } from './reading.ts';

/** The records that must be signed, and their keys. */
export interface SignatureOptions {
  /** The keys by source name, two during a rotation: at least 32 bytes of text each. */
  readonly keys: Readonly<Record<string, string | readonly string[]>>;
  /**
   * The treatment of records of other sources: `refuse` makes them dead letters. `accept` handles them; the positions of one
   * count if the consumer lists it in `sources`, or has pinned it before. @default 'refuse'
   */
  readonly others?: 'refuse' | 'accept';
  /** The source, by its name in `keys`, that signs a consumer's failure events. @default that of the consumer's own name */
  readonly failures?: Readonly<Record<string, string>>;
}

export interface Signatures {
  readonly keys: ReadonlyMap<string, readonly SigningKey[]>;
  readonly others: 'refuse' | 'accept';
  readonly failures: ReadonlyMap<string, string>;
}

/** Resolves the options. Throws CONSUMER_INVALID for failure events of a source without a key. */
export function signaturesOf({ keys, others = 'refuse', failures = {} }: SignatureOptions): Signatures {
  for (const [failing, name] of Object.entries(failures))
    if (!Object.hasOwn(keys, name))
      throw new InboxError(
        'CONSUMER_INVALID',
        `signatures.failures says that source ${name} signs the failure events of ${failing}, and signatures.keys has no such source: add its key`,
      );
  const all = Object.entries(keys).map(
    ([name, texts]) => [name, (typeof texts === 'string' ? [texts] : texts).map(signingKey)] as const,
  );
  return { keys: new Map(all), others, failures: new Map(Object.entries(failures)) };
}

/** The name of the source that signs the failure events of a consumer; undefined: none may. */
export function signerOf({ keys, failures }: Signatures, failing: string): string | undefined {
  return failures.get(failing) ?? (keys.has(failing) ? failing : undefined);
}

/** Verifies a record that must be signed (pure): without a valid signature nothing of it is used. */
export function verified(
  reading: Reading,
  signatures: Signatures | undefined,
  pinned: ReadonlyMap<string, string>,
): Reading {
  if (signatures === undefined) return reading;
  const { record, claim, content } = reading;
  const name = content.kind === 'envelope' ? content.envelope.source : claim?.sourceName;
  // The identity of a source belongs to the holder of its key, under any name of the record.
  const owner = claim && pinned.get(claim.source);
  const signers = [...new Set([name, owner])].flatMap((one) => {
    const keys = one === undefined ? undefined : signatures.keys.get(one);
    return keys === undefined ? [] : [keys];
  });
  if (signers.length === 0) {
    if (signatures.others === 'refuse')
      return refused(reading, 'SIGNATURE_MISSING', 'its source has no key here');
    // It could claim the uuid of a source that signs and was not seen yet, whose events would then count as repeats.
    return claim === undefined || owner !== undefined ? reading : { ...reading, claim: undefined };
  }
  const verdicts = signers.map((keys) => verifySignature(record, keys));
  const found = verdicts.find((verdict) => verdict !== 'valid') ?? 'valid';
  switch (found) {
    case 'valid':
      return reading;
    case 'missing':
      return refused(
        reading,
        'SIGNATURE_MISSING',
        `source ${name ?? ''} signs its events, and this one has no ce_sig`,
      );
    case 'invalid':
      return refused(
        reading,
        'SIGNATURE_INVALID',
        `its ce_sig does not match any key of source ${owner ?? name ?? ''}, or belongs to another record or partition`,
      );
  }
}

function refused({ record }: Reading, code: 'SIGNATURE_MISSING' | 'SIGNATURE_INVALID', why: string): Reading {
  const error = new ContractError(
    code,
    `the record is not accepted as an event: ${why}. It is forged, or the relay signs with another key: compare the keys of both`,
  );
  return { record, claim: undefined, content: { kind: 'unreadable', error } };
}
