import { AsyncResource } from 'node:async_hooks';
import { ConvergeError } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { operation, policyBook, SharedGuards } from './index.ts';

/** Each service is a process of its own: a call begins outside of its caller's retry. */
const process = new AsyncResource('service');
const STEP_MS = 50;
const CALLS_A_SECOND = 1_000 / STEP_MS;

/** Three services in a row before a leaf, each with guards of its own, on a clock that the test moves. */
function chain() {
  const clock = manualClock();
  const leaf = { up: true, reached: 0 };
  const callLeaf = (): Promise<void> => {
    leaf.reached += 1;
    return leaf.up ? Promise.resolve() : Promise.reject(unavailable());
  };
  const policies = policyBook({});
  const callService = (name: string, next: () => Promise<void>): (() => Promise<void>) => {
    const shared = new SharedGuards({ policies, clock, random: () => 0.5 });
    const declared = operation<undefined, unknown>({
      name,
      idempotency: 'idempotent',
      call: () => process.runInAsyncScope(next),
    });
    return async () => {
      // What a service answers when its own call failed: 503.
      await declared.run(undefined, { clock, random: () => 0.5, shared }).catch(() => {
        throw unavailable();
      });
    };
  };
  const services = ['third', 'second', 'first'].reduce((next, name) => callService(name, next), callLeaf);
  /** One call each 50 ms; returns, for each second, the requests at the leaf and the answers for each call. */
  const run = async (seconds: number) => {
    const each: { readonly load: number; readonly answered: number }[] = [];
    for (let second = 0; second < seconds; second += 1) {
      const before = leaf.reached;
      let answered = 0;
      for (let made = 0; made < CALLS_A_SECOND; made += 1) {
        void process.runInAsyncScope(services).then(
          () => (answered += 1),
          () => undefined,
        );
        await clock.advance(STEP_MS);
      }
      each.push({ load: (leaf.reached - before) / CALLS_A_SECOND, answered: answered / CALLS_A_SECOND });
    }
    return each;
  };
  return { leaf, run };
}

const unavailable = (): ConvergeError =>
  new ConvergeError('unavailable', { code: 'HTTP_503', category: 'service', certainty: 'not_applied' });

// Planted fault: breakers that stay open for a minute serve nothing ten seconds after the return.
it('S66: a leaf three services deep that is away for 30 s gets at most 1.3 times its load, and all of it within 10 s of its return', async () => {
  const { leaf, run } = chain();
  expect((await run(5)).every(({ load, answered }) => load === 1 && answered === 1)).toBe(true);
  leaf.up = false;
  const away = await run(30);
  expect(away.reduce((sum, { load }) => sum + load, 0) / 30).toBeLessThanOrEqual(1.3);
  expect(away.slice(1).every(({ answered }) => answered === 0)).toBe(true);
  leaf.up = true;
  const back = await run(20);
  expect(back.slice(10)).toEqual(Array.from({ length: 10 }, () => ({ load: 1, answered: 1 })));
});
