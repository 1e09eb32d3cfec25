import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { ContractError } from './contract-error.ts';
import { WIRE } from './wire.ts';

/** A secret that a source and its consumers share. */
export interface SigningKey {
  /** The key's name on the wire. It is derived from the secret, so keys need no numbering. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** The partition of a record. A signature is valid in this partition only. */
export interface SignedPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface SignedRecord extends SignedPlace {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[];
}

/** Minimum length: a shorter secret can be guessed from one signature. */
const MIN_SECRET_BYTES = 32;
const SIGNATURE_BYTES = 32;
/** Length of a signature: the `id` of 8, a dot, and 32 bytes in base64url. */
const SIGNATURE_LENGTH = 52;

/** Creates a key from the text of a setting or a file. Throws DEFINITION_INVALID if too short; never quotes the secret. */
export function signingKey(text: string): SigningKey {
  const secret = Buffer.from(text.trim());
  if (secret.length < MIN_SECRET_BYTES)
    throw new ContractError(
      'DEFINITION_INVALID',
      `a signing key has ${secret.length} bytes, at least ${MIN_SECRET_BYTES} are needed: make one with \`openssl rand -base64 48\``,
    );
  return {
    id: hash('sha256', Buffer.concat([Buffer.from('converge key '), secret])).slice(0, 8),
    secret: createSecretKey(secret),
  };
}

/**
 * Computes the value of `ce_sig`.
 * `signed` is the record as written, from the length of its key up to this header: key, payload, the number of headers,
 * and all other headers, positions included.
 */
export function signatureOf({ id, secret }: SigningKey, place: SignedPlace, signed: Uint8Array): string {
  return `${id}.${mac(secret, place, signed).toString('base64url')}`;
}

/** Verifies that one of the keys signed this record in this partition. The signature is the record's last header. */
export function verifySignature(
  record: SignedRecord,
  keys: readonly SigningKey[],
): 'valid' | 'missing' | 'invalid' {
  const [name, value] = record.headers.at(-1) ?? [];
  if (name !== WIRE.signature || value === undefined || value === null)
    return record.headers.some(([header]) => header === WIRE.signature) ? 'invalid' : 'missing';
  const text = Buffer.from(value).toString('latin1');
  const key = keys.find(({ id }) => text.startsWith(`${id}.`));
  if (key === undefined || text.length !== SIGNATURE_LENGTH) return 'invalid';
  const given = Buffer.from(text.slice(key.id.length + 1), 'base64url');
  if (given.length !== SIGNATURE_BYTES) return 'invalid';
  return timingSafeEqual(given, mac(key.secret, record, signedBytes(record))) ? 'valid' : 'invalid';
}

function mac(secret: KeyObject, { topic, partition }: SignedPlace, signed: Uint8Array): Buffer {
  // Topic names contain no NUL, so the texts of two partitions always differ.
  return createHmac('sha256', secret).update(`converge 1\0${topic}\0${partition}\0`).update(signed).digest();
}

/** Returns the record's bytes up to its last header, in Kafka's record format. */
function signedBytes({ key, value, headers }: SignedRecord): Buffer {
  const parts = [field(key), field(value), varint(headers.length)];
  for (const [name, text] of headers.slice(0, -1)) parts.push(field(Buffer.from(name)), field(text));
  return Buffer.concat(parts);
}

function field(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

/** Encodes a number in Kafka's zigzag varint: seven bits per byte. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Returns the signature header of a record that has no encoder. It must be appended last. */
export function signatureHeader(key: SigningKey, record: SignedRecord): readonly [string, string] {
  const headers = [...record.headers, [WIRE.signature, null] as const];
  return [WIRE.signature, signatureOf(key, record, signedBytes({ ...record, headers }))];
}
