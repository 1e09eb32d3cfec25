import { type Dashboard, named, rare } from '../model.ts';
import { maxOf, perSecond, quantile, recentMean, sumOf } from '../queries.ts';
import { is, noneOf } from '../series.ts';
import { recorded } from './objectives.ts';

export const overview: Dashboard = {
  id: 'overview',
  title: 'Overview',
  description:
    'Is everything published, handled, compensated and in agreement? Each row has a dashboard of its own.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'alerts',
          title: 'Alerts',
          description:
            'Alerts that fire or are pending. Each names the section of docs/guides/alarms.md to read.',
        },
        {
          kind: 'stat',
          title: 'Sources without a leader',
          description: 'Nothing of them is published. A takeover takes one lease.',
          width: 4,
          alarmFrom: 1,
          queries: [rare(`count(${sumOf('relayLeader', { by: ['source'] })} < 1)`, 'sources')],
        },
        {
          kind: 'stat',
          title: 'Partitions that wait for an operator',
          description: 'Halted partitions of all consumers: `converge consumers list`.',
          width: 4,
          alarmFrom: 1,
          queries: [rare(sumOf('inboxHalted'), 'partitions')],
        },
        {
          kind: 'stat',
          title: 'Dead letters',
          description: 'Events given up that wait for an operator: `converge parked groups`.',
          width: 4,
          alarmFrom: 1,
          queries: [
            {
              promql: `sum(${maxOf('inboxParked', { where: { parkedState: is('dead') }, by: ['consumer'] })})`,
              legend: 'events',
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Sagas that wait for an operator',
          description: 'Stuck sagas: `converge saga list --state stuck`.',
          width: 4,
          alarmFrom: 1,
          queries: [rare(`sum(${maxOf('sagasStuck', { by: ['saga'] })})`, 'sagas')],
        },
      ],
    },
    {
      title: 'Flow',
      panels: [
        {
          title: 'Events written, published, handled',
          description: 'Published equals written while the relay keeps up. Handled counts each consumer.',
          unit: 'ops',
          queries: [
            { promql: perSecond('outboxEmitted'), legend: 'written' },
            { promql: perSecond('relayPublished'), legend: 'published' },
            { promql: perSecond('inboxHandled'), legend: 'handled' },
          ],
        },
        {
          title: 'How far behind',
          description:
            'The oldest event not published, by source, and the oldest record not handled, by consumer.',
          unit: 's',
          alarmFrom: 60,
          queries: [
            { promql: maxOf('outboxAge', { by: ['source'] }), legend: `${named('source')} outbox` },
            { promql: maxOf('inboxOldest', { by: ['consumer'] }), legend: `${named('consumer')} consumer` },
          ],
        },
        {
          title: 'Parked keys',
          description: 'Keys that wait in order, by consumer. A few are normal while another system is down.',
          queries: [maxOf('inboxParkedKeys', { by: ['consumer'] })],
        },
      ],
    },
    {
      title: 'Failure and agreement',
      panels: [
        {
          title: 'Failed attempts',
          description: 'By category of failure: each category has its own strategy.',
          unit: 'ops',
          queries: [perSecond('attempts', { where: { category: noneOf('none') }, by: ['category'] })],
        },
        {
          title: 'Time to recovery',
          description:
            'From the first failure of partitions and keys to the success after it, at the time of the success.',
          unit: 's',
          queries: [recentMean('inboxRecovery', { by: ['consumer'] })],
        },
        {
          title: 'Compensations',
          description: 'Compensations of sagas per second.',
          unit: 'ops',
          queries: [perSecond('sagaCompensations', { by: ['saga'] })],
        },
        {
          title: 'Drift repaired',
          description:
            'Keys that reconcilers repaired per second. More than a few: look for the writer that causes it.',
          unit: 'ops',
          queries: [
            perSecond('reconcileVerdicts', { where: { outcome: is('repaired') }, by: ['reconciler'] }),
          ],
        },
        {
          title: 'Burn of objectives',
          description: '1 uses the budget up exactly at the end of its window.',
          queries: [{ promql: recorded.burn('1h'), legend: named('objective') }],
        },
        {
          title: 'Duration of a handler',
          description: 'The 99th percentile by consumer, all attempts.',
          unit: 's',
          queries: [quantile(0.99, 'attemptDuration', { where: { consumer: noneOf('') }, by: ['consumer'] })],
        },
      ],
    },
  ],
};
