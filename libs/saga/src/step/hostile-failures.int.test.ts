import { BusinessRejection } from '@convergekit/core';
import { defineEvent } from '@convergekit/contracts';
import { defineConsumer } from '@convergekit/inbox';
import { defineCall, step } from '@convergekit/saga';
import { defineSaga } from '@convergekit/saga/declare';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { SagaScene } from '../fixture/saga-scene.ts';
import { verifySagas } from '../verify/verify-journal.ts';

const data = z.object({ key: z.string(), message: z.string(), local: z.boolean(), extra: z.string() });
type Data = z.infer<typeof data>;
const event = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ key }: Data) => key, data });
const asked = event('hostile.asked', 'hostile-asks');
const held = event('hostile.held', 'hostile-rooms');
const freed = event('hostile.freed', 'hostile-rooms');
const taken = event('hostile.taken', 'hostile-money');
const hostile = defineSaga('hostile', { start: asked })
  .compensatable('hold', { by: 'rooms', success: held, undone: freed })
  .pivot('pay', { by: 'money', success: taken, call: true });

// What JSON of an event can carry is not what a text of Postgres can: the message is written with escapes.
const refusal = ({ message }: Data): BusinessRejection =>
  new BusinessRejection(JSON.parse(message) as string, { code: 'NO' });
const [rooms, money] = ['rooms', 'money'].map((name) => defineConsumer<object>(name, { from: 'first' }));
const consumers = [
  rooms!.include(
    step(hostile.hold, {
      apply: ({ data: given }) => {
        if (given.local) throw refusal(given);
        return held(given);
      },
      compensate: ({ intent: { data: given } }) => freed(given),
    }),
  ),
  money!.include(
    step(hostile.pay, {
      call: defineCall('bank.charge', {
        input: data,
        result: data,
        idempotency: 'keyed',
        call: (given) => Promise.reject(refusal(given)),
      }),
      input: ({ event: { data: given } }) => given,
      outcome: (given) => taken(given),
    }),
  ),
];
let scene: SagaScene<object>;
beforeAll(async () => {
  scene = await SagaScene.open<object>(inject('stack').databaseUrl, 'select 1');
  await scene.start(consumers);
});
afterAll(() => scene.close());

const messages = {
  'quotes and control characters': JSON.stringify('no "funds" \\ \n \u0007 \u2028 😀'),
  'a NUL': String.raw`"a\u0000b"`,
  'half of a surrogate pair': String.raw`"a\ud800b"`,
  'half a million characters': JSON.stringify('x'.repeat(500_000)),
};
const refusals = Object.entries(messages).flatMap(([what, message]) => [
  [what, 'call', 'hold:undone pay:failed_not_applied', message] as const,
  [what, 'local step', 'hold:failed_not_applied', message] as const,
]);

async function checkJournals(): Promise<void> {
  const found = [];
  for await (const { findings } of verifySagas(scene.database.executor)) found.push(...findings);
  expect(found).toEqual([]);
}

// Planted fault: with the failure stored as it is, Postgres refuses its text, or the view of journals can no longer be read.
it.each(refusals)(
  'a refusal with %s by a %s ends its saga, and its journal can be read',
  async (_, by, fences, message) => {
    const local = by === 'local step';
    const instance = await scene.emit(asked({ key: 'k', message, local, extra: '' }));
    await scene.until(instance, fences);
    await checkJournals();
  },
);

// Planted fault: with the whole event in its failure, which is then larger than an event may be, the outcome is never recorded.
it('a call that is refused ends its saga when its event is too large for the failure event', async () => {
  const extra = '"'.repeat(400_000);
  const instance = await scene.emit(asked({ key: 'k', message: '"no"', local: false, extra }));
  await scene.until(instance, 'hold:undone pay:failed_not_applied');
  await checkJournals();
});
