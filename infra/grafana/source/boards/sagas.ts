import { type Dashboard, named, rare } from '../model.ts';
import { maxOf, perSecond, quantile, recentMean, sinceStart, sumOf } from '../queries.ts';
import { chosen, is } from '../series.ts';

const where = { saga: chosen('saga') };
const bySaga = { where, by: ['saga'] } as const;
const saga = named('saga');

export const sagas: Dashboard = {
  id: 'sagas',
  title: 'Sagas and calls',
  description: 'Open sagas, compensations and their time to recovery, and the calls to other systems.',
  variables: [{ label: 'saga', of: 'sagas' }],
  rows: [
    {
      title: 'Sagas',
      panels: [
        {
          title: 'Sagas by state',
          description: 'Sagas that have not ended, as their observer sees them.',
          stacked: true,
          queries: [maxOf('sagas', { where, by: ['saga', 'state'] })],
        },
        {
          title: 'Sagas that ended',
          description: 'Sagas per second by the state in which they ended: completed or compensated.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('sagaEnded', { where, by: ['saga', 'state'] })],
        },
        {
          title: 'Sagas that wait for an operator',
          description: 'Stuck sagas: `converge saga list --state stuck`, then retry or resolve.',
          alarmFrom: 1,
          queries: [rare(maxOf('sagasStuck', bySaga))],
        },
        {
          title: 'Overdue sagas',
          description:
            'Sagas that have not ended in their time: `converge saga narrative` shows where one waits.',
          alarmFrom: 1,
          queries: [rare(maxOf('sagas', { where: { ...where, state: is('expired') }, by: ['saga'] }))],
        },
        {
          title: 'Time to recovery of sagas',
          description: 'From the first failure of a saga to its end: completed after all, or compensated.',
          unit: 's',
          queries: [
            { promql: recentMean('sagaRecovery', bySaga), legend: `${saga} mean` },
            { promql: quantile(0.5, 'sagaRecovery', bySaga), legend: `${saga} median` },
            { promql: quantile(0.99, 'sagaRecovery', bySaga), legend: `${saga} 99 %` },
          ],
        },
        {
          title: 'Compensations',
          description:
            'Steps compensated per second. undone: there was an effect. noop: there was none. stuck: an operator must act.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('sagaCompensations', { where, by: ['saga', 'step', 'outcome'] })],
        },
        {
          kind: 'stat',
          title: 'Joins that never completed',
          description:
            'Groups whose events did not all arrive before their run was removed, since the processes started.',
          queries: [rare(sinceStart('sagaJoinsSwept', bySaga))],
        },
      ],
    },
    {
      title: 'Calls to other systems',
      panels: [
        {
          title: 'Calls by outcome',
          description:
            'Calls that ended, by name. stuck: an operator decides. lost: another worker had taken over.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('calls', { by: ['call', 'outcome'] })],
        },
        {
          title: 'Calls that waited too long',
          description:
            'Since the processes started, by what they wait for. They are retried: `converge call list`.',
          alarmFrom: 1,
          queries: [rare(sinceStart('callsLate', { by: ['call', 'reason'] }))],
        },
        {
          title: 'Calls that no worker declares',
          description: 'Deploy the code that declares the call, or `converge call resolve`.',
          alarmFrom: 1,
          queries: [rare(sumOf('callsUndeclared', { by: ['call'] }))],
        },
      ],
    },
  ],
};
