import { type Dashboard, named } from '../model.ts';
import {
  maxOf,
  occurred,
  perSecond,
  quantile,
  recentMean,
  recordedPerSecond,
  sinceStart,
  sumOf,
} from '../queries.ts';
import { chosen, is } from '../series.ts';

const where = { consumer: chosen('consumer') };
const byConsumer = { where, by: ['consumer'] } as const;
const byTopic = { where, by: ['consumer', 'topic'] } as const;
const byReason = { where, by: ['consumer', 'reason'] } as const;
const consumer = named('consumer');
const topic = named('consumer', 'topic');
const reason = named('consumer', 'reason');

export const consumers: Dashboard = {
  id: 'consumers',
  title: 'Consumers',
  description: 'From the log to the effect: lag, what waits and why, and what was found wrong with the log.',
  variables: [{ label: 'consumer', of: 'inboxHandled' }],
  rows: [
    {
      title: 'Progress',
      panels: [
        {
          kind: 'timeseries',
          title: 'Events handled',
          description: 'Events whose handler committed, parked ones that took effect later included.',
          unit: 'ops',
          stacked: true,
          queries: [{ promql: perSecond('inboxHandled', byTopic), legend: topic }],
        },
        {
          kind: 'timeseries',
          title: 'Oldest record not handled',
          description:
            'The age of the oldest record that is neither handled nor parked: how far behind the consumer is.',
          unit: 's',
          alarmFrom: 600,
          queries: [{ promql: maxOf('inboxOldest', byTopic), legend: topic }],
        },
        {
          kind: 'timeseries',
          title: 'Lag',
          description: 'Records between the position of the consumer and the end of the log.',
          unit: 'short',
          queries: [{ promql: sumOf('inboxLag', byTopic), legend: topic }],
        },
        {
          kind: 'timeseries',
          title: 'Duration of a slice',
          description: 'One transaction of several events, from its first statement to its commit.',
          unit: 's',
          queries: [
            { promql: quantile(0.5, 'inboxSliceDuration', byConsumer), legend: `${consumer} median` },
            { promql: quantile(0.99, 'inboxSliceDuration', byConsumer), legend: `${consumer} 99 %` },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Events of a slice',
          description: 'Slices grow with the lag: a consumer that is behind commits more events at a time.',
          unit: 'short',
          queries: [{ promql: quantile(0.99, 'inboxSliceSize', byConsumer), legend: `${consumer} 99 %` }],
        },
        {
          kind: 'timeseries',
          title: 'Duplicates dropped',
          description:
            'Events that the log delivered again. They are dropped by their position and take no effect.',
          unit: 'ops',
          queries: [{ promql: perSecond('inboxDuplicates', byTopic), legend: topic, rare: true }],
        },
      ],
    },
    {
      title: 'What waits',
      panels: [
        {
          kind: 'timeseries',
          title: 'Partitions that wait for an operator',
          description:
            'Halted partitions by alarm. `converge consumers list` has the reason; docs/guides/alarms.md the next step.',
          unit: 'short',
          alarmFrom: 1,
          queries: [{ promql: sumOf('inboxHalted', byReason), legend: reason, rare: true }],
        },
        {
          kind: 'timeseries',
          title: 'Partitions that wait by themselves',
          description: 'Paused partitions by alarm. They resume when the cause is gone.',
          unit: 'short',
          queries: [{ promql: sumOf('inboxPaused', byReason), legend: reason, rare: true }],
        },
        {
          kind: 'stat',
          title: 'Pauses',
          description: 'Pauses in the shown time, by alarm.',
          unit: 'short',
          queries: [{ promql: occurred('inboxPauses', byReason), legend: reason, rare: true }],
        },
        {
          kind: 'timeseries',
          title: 'Parked keys',
          description: 'Keys whose events wait in order, while those of all other keys are handled.',
          unit: 'short',
          queries: [{ promql: maxOf('inboxParkedKeys', byConsumer), legend: consumer }],
        },
        {
          kind: 'timeseries',
          title: 'Parked events and dead letters',
          description:
            'Events that wait for a retry, and those that wait for an operator: `converge parked list`.',
          unit: 'short',
          queries: [
            {
              promql: maxOf('inboxParked', { where, by: ['consumer', 'parkedState'] }),
              legend: named('consumer', 'parkedState'),
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Oldest parked event',
          description: 'The age of the oldest parked event. It alerts after an hour.',
          unit: 's',
          alarmFrom: 3_600,
          queries: [{ promql: maxOf('inboxParkedAge', byConsumer), legend: consumer }],
        },
      ],
    },
    {
      title: 'Recovery',
      panels: [
        {
          kind: 'timeseries',
          title: 'Time to recovery',
          description:
            'From the first failure to the success after it, drawn at the time of the success. partition: an outage. key: parked. event: retried in place.',
          unit: 's',
          width: 12,
          queries: [
            {
              promql: recentMean('inboxRecovery', { where, by: ['consumer', 'recoveryScope'] }),
              legend: named('consumer', 'recoveryScope'),
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Recoveries',
          description: 'How many partitions, keys and events recovered per second.',
          unit: 'ops',
          width: 12,
          queries: [
            {
              promql: recordedPerSecond('inboxRecovery', { where, by: ['consumer', 'recoveryScope'] }),
              legend: named('consumer', 'recoveryScope'),
            },
          ],
        },
      ],
    },
    {
      title: 'What was given up, and what is wrong with the log',
      panels: [
        {
          kind: 'timeseries',
          title: 'Dead letters',
          description:
            'Events given up since the processes started, by kind of failure. Each has a failure event.',
          unit: 'short',
          queries: [
            {
              promql: sinceStart('deadLetters', { where, by: ['consumer', 'failureKind'] }),
              legend: named('consumer', 'failureKind'),
              rare: true,
            },
          ],
        },
        {
          kind: 'stat',
          title: 'Dead letters of bad data',
          description: 'Events whose bytes or data cannot be used, since the processes started.',
          unit: 'short',
          alarmFrom: 1,
          queries: [
            {
              promql: sinceStart('deadLetters', {
                where: { ...where, failureKind: is('data') },
                by: ['topic'],
              }),
              legend: named('topic'),
              rare: true,
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Doubts about the log',
          description:
            'Gaps, ended epochs, forged positions, reused names and ids, since the processes started. Each has an alarm.',
          unit: 'short',
          alarmFrom: 1,
          queries: [
            { promql: sinceStart('inboxGaps', byConsumer), legend: `${consumer} gaps`, rare: true },
            {
              promql: sinceStart('inboxSuperseded', byConsumer),
              legend: `${consumer} ended epoch`,
              rare: true,
            },
            { promql: sinceStart('inboxContradictions', byReason), legend: reason, rare: true },
            {
              promql: sinceStart('inboxSourceConflicts', byConsumer),
              legend: `${consumer} source names`,
              rare: true,
            },
            {
              promql: sinceStart('inboxForeignReused', byConsumer),
              legend: `${consumer} reused ids`,
              rare: true,
            },
            {
              promql: sinceStart('inboxUnreadableDropped', byConsumer),
              legend: `${consumer} unreadable`,
              rare: true,
            },
          ],
        },
      ],
    },
  ],
};
