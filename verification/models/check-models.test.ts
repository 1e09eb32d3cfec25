import { systemClock } from '@convergekit/core';
import { expect, it } from 'vitest';
import { checkModels } from './check-models.ts';
import type { Model } from './model.ts';
import { parseOutput } from './output.ts';
import type { Tlc } from './tlc.ts';

const model: Model = {
  name: 'M',
  says: 'anything',
  constants: {},
  guards: ['Fence'],
  invariants: ['Once', 'NoLoss'],
  configurations: [{ name: 'small' }, { name: 'large' }],
  controls: [{ name: 'no-fence', constants: { Fence: 'none' }, breaks: 'Once' }],
};
const passes = (jumps: number): string =>
  `<Jump line 7, col 1 to line 7, col 4 of module M>: 0:${jumps}
Model checking completed. No error has been found.
20 states generated, 9 distinct states found, 0 states left on queue.`;
const breaks = (invariant: string): string => `Error: Invariant ${invariant} is violated.`;

async function checked(outputs: Readonly<Record<string, string>>, only?: readonly string[]) {
  const lines: string[] = [];
  const run: Tlc = (_model, { name }) => Promise.resolve(parseOutput(outputs[name] ?? ''));
  const { signal } = new AbortController();
  const check = { only, run, say: (line: string) => void lines.push(line), clock: systemClock, signal };
  const isGood = await checkModels([model], check);
  return { isGood, lines };
}

it('a run is good when every configuration passes, every control breaks its invariant and every action ran', async () => {
  const { isGood, lines } = await checked({ small: passes(0), large: passes(4), 'no-fence': breaks('Once') });
  expect(isGood).toBe(true);
  expect(lines.at(-1)).toMatch(/^2 configurations and 1 controls in \d+ s, 0 bad$/);
});

it('a run is bad when an action never ran, or a control breaks another invariant', async () => {
  const never = await checked({ small: passes(0), large: passes(0), 'no-fence': breaks('Once') });
  expect([never.isGood, never.lines.at(-2)]).toEqual([false, 'M: the action Jump NEVER RAN']);
  const other = await checked({ small: passes(1), large: passes(1), 'no-fence': breaks('NoLoss') });
  expect(other.isGood).toBe(false);
});

it('some configurations are run by name, and then no action has to have run', async () => {
  const { isGood, lines } = await checked({ small: passes(0) }, ['M/small']);
  expect([isGood, lines.length]).toEqual([true, 3]);
  await expect(checked({}, ['M/smal'])).rejects.toThrow(
    'there is no M/smal: name a model or a configuration of M, M/small',
  );
});
