import { checkGraph, defineSaga, starts } from '@convergekit/saga/declare';
import { contextHeaders } from '@convergekit/contracts/engine';
import { defineEvent } from '@convergekit/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { startedVersion } from './starts.ts';

const data = z.object({ id: z.string() });
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { version: 1, topic: 'orders', key: ({ id }: { id: string }) => id, data });
const placed = event('shop.placed');
const sagaOf = (name: string, version: number, start = placed) =>
  defineSaga(name, { version, start }).pivot('only', { by: 'shipping', success: event(`${name}.done`) });

it('an event that starts sagas names the version of each in a header', () => {
  const both = starts(starts(placed, sagaOf('shop.order', 2)), sagaOf('shop.audit', 1));
  const header = contextHeaders(both({ id: 'a' }))['ce_sagastart'];
  expect(header).toBe('shop.order/2,shop.audit/1');
  expect(startedVersion(header, 'shop.order')).toBe(2);
  expect(startedVersion(header, 'shop.audit')).toBe(1);
  expect(startedVersion(header, 'shop')).toBeUndefined();
  expect(contextHeaders(placed({ id: 'a' }))).not.toHaveProperty('ce_sagastart');
});

it('a start event names one version of a saga, and only sagas that it starts', () => {
  expect(() => starts(placed, sagaOf('shop.order', 1), sagaOf('shop.order', 2))).toThrow('in two versions');
  expect(() => starts(event('shop.asked'), sagaOf('shop.order', 1))).toThrow(
    'it is started by shop.placed, not by shop.asked',
  );
});

it.each(['', 'shop.order', 'shop.order/0', 'shop.order/1e3', 'shop.order/1/2', '/1', 'x/1'])(
  'a start header that names no version of the saga (%j) is ignored',
  (header) => {
    expect(startedVersion(header, 'shop.order')).toBeUndefined();
  },
);

it('versions of a saga that would search for their cancellation in two places are refused', () => {
  const versionOf = (version: number, by: string) =>
    defineSaga('shop.order', { version, start: placed, cancel: event('shop.cancelled') }).pivot('ship', {
      by,
      success: event('shop.shipped'),
    }).declaration;
  expect(() => {
    checkGraph([versionOf(1, 'shipping'), versionOf(2, 'shipping')]);
  }).not.toThrow();
  expect(() => {
    checkGraph([versionOf(1, 'shipping'), versionOf(2, 'courier')]);
  }).toThrow('stops version 1 at ship of shipping, and version 2 at ship of courier');
});
