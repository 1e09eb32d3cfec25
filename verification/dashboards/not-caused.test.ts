import { expect, it } from 'vitest';
import { dashboards } from '../../infra/grafana/source/boards/index.ts';
import { queriesOf } from '../../infra/grafana/source/model.ts';
import { NOT_CAUSED } from './not-caused.ts';

const queries = dashboards.flatMap(({ title, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap((panel) => queriesOf(panel).map((_, at) => `${title} / ${panel.title} ${at + 1}`)),
  ),
);

it('each query that may be empty beside a real Prometheus is one of a panel', () => {
  expect(NOT_CAUSED.filter((place) => !queries.includes(place))).toEqual([]);
  expect(new Set(NOT_CAUSED).size).toBe(NOT_CAUSED.length);
});

it.each([
  ['retry entropy', / \/ Entropy /],
  ['failure hints', / \/ Failures, by what failed and why/],
  ['compensation impact', / \/ Compensations /],
  ['time to recovery', / \/ Time to recovery/],
  ['success after back-off', / \/ Success after back-off/],
])('%s has a panel, whose queries must all return data beside a real Prometheus', (_, title) => {
  const of = queries.filter((place) => title.test(place));
  expect(of).not.toEqual([]);
  expect(of.filter((place) => NOT_CAUSED.includes(place))).toEqual([]);
});
