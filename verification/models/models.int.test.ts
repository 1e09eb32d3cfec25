import { expect, it } from 'vitest';
import { models } from './models.ts';
import { tlc } from './tlc.ts';
import { verdictOf } from './verdict.ts';

/** The rest runs in `make models`. */
const quick = models.flatMap((model) =>
  [...model.configurations, ...model.controls]
    .filter((one) => one.quick === true)
    .map((one) => ({ model, one, title: `${model.name}/${one.name}` })),
);

it(
  'N16: the smallest configuration of each model passes, and a control breaks its invariant',
  { tags: 'java' },
  async () => {
    const run = await tlc(() => undefined);
    for (const { model, one, title } of quick) {
      const { breaks } = one;
      const { outcome, states } = await run(model, one);
      expect(verdictOf(outcome, breaks), title).toMatchObject({ isGood: true });
      expect(states, title).toBeGreaterThan(10);
    }
    const names = quick.filter(({ one }) => one.breaks === undefined).map(({ model }) => model.name);
    expect(names).toEqual(models.map(({ name }) => name));
  },
);
