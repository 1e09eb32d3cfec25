import { type Dashboard, named, type Query, rare } from '../model.ts';
import { maxOf, perSecond } from '../queries.ts';
import { byLabels, chosen, label, noneOf, oneOf, selector, type Where } from '../series.ts';

const where: Where = { objective: chosen('objective') };
const objective = named('objective');
const bad: Where = {
  ...where,
  outcome: oneOf('give_up', 'park', 'dead', 'stop'),
  category: noneOf('business'),
};

/** The names that infra/prometheus/slo.rules.yaml records. A test compares them. */
export const recorded = {
  burn: (window: '5m' | '30m' | '1h' | '6h') => `converge:objective_burn:rate${window}`,
  bad: (window: '5m' | '30m' | '1h' | '6h') => `converge:objective_bad:ratio_rate${window}`,
  budget: 'converge:objective_budget',
};

const only = `{${label('objective')}=~"$objective"}`;
const burnOver = (window: '5m' | '30m' | '1h' | '6h'): Query => ({
  promql: `${recorded.burn(window)}${only}`,
  legend: `${objective} over ${window}`,
});

export const objectives: Dashboard = {
  id: 'objectives',
  title: 'Objectives',
  description: 'How fast the attempts of each objective use up its budget. Words: docs/guides/objectives.md.',
  variables: [{ label: 'objective', of: 'objectiveTarget' }],
  rows: [
    {
      title: 'Burn',
      panels: [
        {
          title: 'Fast burn',
          description:
            'Above 14.4 over an hour and five minutes it pages: 2 % of the budget of a month in an hour.',
          width: 12,
          alarmFrom: 14.4,
          queries: [burnOver('5m'), burnOver('1h')],
        },
        {
          title: 'Slow burn',
          description:
            'Above 6 over six hours and thirty minutes it opens a ticket: 5 % of the budget in six hours.',
          width: 12,
          alarmFrom: 6,
          queries: [burnOver('30m'), burnOver('6h')],
        },
        {
          kind: 'stat',
          title: 'Target',
          description: 'The share of attempts that must be good, as the policies declare it.',
          unit: 'percentunit',
          width: 6,
          queries: [maxOf('objectiveTarget', { where, by: ['objective'] })],
        },
        {
          kind: 'stat',
          title: 'Good attempts of the last six hours',
          description: 'Compare it with the target.',
          unit: 'percentunit',
          width: 6,
          queries: [{ promql: `1 - ${recorded.bad('6h')}${only}`, legend: objective }],
        },
        {
          title: 'Attempts',
          description: 'All attempts of the objective per second.',
          unit: 'ops',
          width: 12,
          queries: [perSecond('attempts', { where, by: ['objective', 'outcome'] })],
        },
        {
          title: 'What burns the budget',
          description:
            'Attempts that were given up, by what gave up and why. Refusals of the business are good.',
          unit: 'ops',
          width: 24,
          stacked: true,
          queries: [
            rare(
              `sum ${byLabels(['objective', 'handler', 'operationName', 'call', 'reason'])}(rate(${selector('attempts', bad)}[$__rate_interval]))`,
            ),
          ],
        },
      ],
    },
  ],
};
