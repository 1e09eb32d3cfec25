import { CloudEvent, Kafka } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope } from './engine.ts';
import { full, record } from './fixture/records.ts';

// The cloudevents package checks names and meaning, not bytes: it reads only strings and has no Kafka types.
describe('the cloudevents package as a second opinion', () => {
  it('the cloudevents package reads our events as CloudEvents with the same attributes', () => {
    const event = Kafka.toEvent({
      headers: full,
      key: 'o-1',
      value: '{"orderId":"o-1"}',
      body: '',
    } as never) as CloudEvent<unknown>;
    event.validate();
    const envelope = decodeEnvelope(record(full));
    expect(event).toMatchObject({
      id: envelope.id,
      source: envelope.source,
      type: envelope.type,
      time: envelope.time.toISOString(),
      subject: envelope.key,
      dataschema: 'urn:converge:shop.order.placed:2',
      datacontenttype: 'application/json',
      data: { orderId: 'o-1' },
      pos: full['ce_pos'],
      prev: full['ce_prev'],
      hops: '3',
    });
  });

  it('events that the cloudevents package writes are decoded', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }),
        (id, time) => {
          const sent = new CloudEvent({
            id,
            time: time.toISOString(),
            source: '/orders',
            type: 'shop.order.placed',
            subject: 's',
            data: '{"id":"x"}',
          });
          const { headers } = Kafka.binary(sent) as unknown as {
            headers: Record<string, string | undefined>;
          };
          // The cloudevents package writes the attribute datacontenttype (undefined here) a second time under this
          // name.
          const text = Object.entries(headers).filter((one): one is [string, string] => one[1] !== undefined);
          const envelope = decodeEnvelope(
            record(Object.fromEntries(text), { value: Buffer.from('{"id":"x"}') }),
          );
          expect(envelope).toMatchObject({
            id,
            time,
            source: '/orders',
            type: 'shop.order.placed',
            version: 1,
          });
        },
      ),
    );
  });
});
