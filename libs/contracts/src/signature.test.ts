// Planted faults, each seen to fail here: headers that are not signed; a partition that is not.
import { describe, expect, it } from 'vitest';
import { signatureHeader, signatureOf, signingKey, verifySignature, WIRE } from './engine.ts';

const key = signingKey('a secret of at least thirty-two bytes');
const other = signingKey('another secret, as long as the first one');
const text = (value: string) => Buffer.from(value);
const plain = {
  topic: 'orders',
  partition: 2,
  key: text('o-1'),
  value: text('{"n":1}'),
  headers: [
    [WIRE.id, text('id-1')],
    [WIRE.position, text('1.2.3.00000000000000ab')],
    [WIRE.prev, text('1.2.2')],
    ['tenant', null],
  ] as [string, Buffer | null][],
};
const [name, value] = signatureHeader(key, plain);
const signed = { ...plain, headers: [...plain.headers, [name, text(value)] as [string, Buffer | null]] };

describe('a signature', () => {
  it('a signature verifies for its record with any of the valid keys', () => {
    expect(value).toMatch(/^[0-9a-f]{8}\.[A-Za-z0-9_-]{43}$/);
    expect(verifySignature(signed, [key])).toBe('valid');
    expect(verifySignature(signed, [other, key])).toBe('valid');
    expect(verifySignature(signed, [other])).toBe('invalid');
    expect(verifySignature({ ...signed, key: null }, [key])).toBe('invalid');
  });

  const headers = (change: (headers: [string, Buffer | null][]) => [string, Buffer | null][]) => ({
    ...signed,
    headers: change([...signed.headers]),
  });
  it.each([
    ['another topic', { ...signed, topic: 'order' }],
    ['another partition', { ...signed, partition: 3 }],
    ['another key', { ...signed, key: text('o-2') }],
    ['another payload', { ...signed, value: text('{"n":2}') }],
    ['no payload', { ...signed, value: null }],
    [
      'another position',
      headers(([a, , ...rest]) => [a!, [WIRE.position, text('1.2.4.00000000000000ab')], ...rest]),
    ],
    ['another predecessor', headers(([a, b, , ...rest]) => [a!, b!, [WIRE.prev, text('1.2.1')], ...rest])],
    ['one header less', headers(([, ...rest]) => rest)],
    ['one header more', headers((all) => [['x', text('y')], ...all])],
    ['an empty header in the place of none', headers((all) => all.map(([n, v]) => [n, v ?? text('')]))],
    ['headers behind it', headers((all) => [...all, ['x', text('y')]])],
    ['bytes moved from one field to the next', { ...signed, key: text('o-'), value: text('1{"n":1}') }],
    ['half a signature', headers((all) => [...all.slice(0, -1), [name, text(value.slice(0, 30))]])],
  ])('G4c: a signature does not verify for a record with %s', (_, record) => {
    expect(verifySignature(record, [key])).toBe('invalid');
  });

  it('a record without the header has no signature', () => {
    expect(verifySignature(plain, [key])).toBe('missing');
    expect(verifySignature({ ...plain, headers: [] }, [key])).toBe('missing');
  });

  it('a signature covers the bytes in Kafka’s format, so that an encoder reads them once', () => {
    const bytes = Buffer.concat([
      ...[Buffer.from([6]), text('o-1'), Buffer.from([14]), text('{"n":1}'), Buffer.from([4])],
      ...[Buffer.from([10]), text('ce_id'), Buffer.from([8]), text('id-1')],
    ]);
    const short = { ...plain, headers: plain.headers.slice(0, 1) };
    expect(signatureHeader(key, short)[1]).toBe(signatureOf(key, plain, bytes));
  });

  it('a short signing secret is rejected and not quoted', () => {
    expect(() => signingKey('short-secret')).toThrow(/12 bytes, at least 32/);
    expect(() => signingKey('short-secret')).not.toThrow(/short-secret/);
    expect(signingKey(' a secret of at least thirty-two bytes\n').id).toBe(key.id);
  });
});
