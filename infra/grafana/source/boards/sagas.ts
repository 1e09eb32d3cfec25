import { type Dashboard, named } from '../model.ts';
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
          kind: 'timeseries',
          title: 'Sagas by state',
          description: 'Sagas that have not ended, as their observer sees them.',
          unit: 'short',
          stacked: true,
          queries: [
            { promql: maxOf('sagas', { where, by: ['saga', 'state'] }), legend: named('saga', 'state') },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Sagas that ended',
          description: 'Sagas per second by the state in which they ended: completed or compensated.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              promql: perSecond('sagaEnded', { where, by: ['saga', 'state'] }),
              legend: named('saga', 'state'),
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Sagas that wait for an operator',
          description: 'Stuck sagas: `converge saga list --state stuck`, then retry or resolve.',
          unit: 'short',
          alarmFrom: 1,
          queries: [{ promql: maxOf('sagasStuck', bySaga), legend: saga, rare: true }],
        },
        {
          kind: 'timeseries',
          title: 'Overdue sagas',
          description:
            'Sagas that have not ended in their time: `converge saga narrative` shows where one waits.',
          unit: 'short',
          alarmFrom: 1,
          queries: [
            {
              promql: maxOf('sagas', { where: { ...where, state: is('expired') }, by: ['saga'] }),
              legend: saga,
              rare: true,
            },
          ],
        },
        {
          kind: 'timeseries',
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
          kind: 'timeseries',
          title: 'Compensations',
          description:
            'Steps compensated per second. undone: there was an effect. noop: there was none. stuck: an operator must act.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              promql: perSecond('sagaCompensations', { where, by: ['saga', 'step', 'outcome'] }),
              legend: named('saga', 'step', 'outcome'),
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Joins that never completed',
          description:
            'Groups whose events did not all arrive before their run was removed, since the processes started.',
          unit: 'short',
          queries: [{ promql: sinceStart('sagaJoinsSwept', bySaga), legend: saga, rare: true }],
        },
      ],
    },
    {
      title: 'Calls to other systems',
      panels: [
        {
          kind: 'timeseries',
          title: 'Calls by outcome',
          description:
            'Calls that ended, by effect. stuck: an operator decides. lost: another worker had taken over.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              promql: perSecond('effects', { by: ['effect', 'outcome'] }),
              legend: named('effect', 'outcome'),
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Calls that waited too long',
          description:
            'Since the processes started, by what they wait for. They are retried: `converge effects list`.',
          unit: 'short',
          alarmFrom: 1,
          queries: [
            {
              promql: sinceStart('effectsLate', { by: ['effect', 'reason'] }),
              legend: named('effect', 'reason'),
              rare: true,
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Calls that no worker declares',
          description: 'Deploy the code that declares the effect, or `converge effects resolve`.',
          unit: 'short',
          alarmFrom: 1,
          queries: [
            { promql: sumOf('effectsUndeclared', { by: ['effect'] }), legend: named('effect'), rare: true },
          ],
        },
      ],
    },
  ],
};
