import { expect, it } from 'vitest';
import { inEveryRun } from './every-run.ts';

it('a reporter of every run is added once to those of the command line, whose projects all have the plugin', () => {
  const [own, config] = [{}, { reporters: ['dot'] }];
  const { configureVitest } = inEveryRun([own]);
  for (let project = 0; project < 2; project += 1)
    (configureVitest as (context: object) => void)({ vitest: { config } });
  expect(config.reporters).toEqual(['dot', own]);
});
