import { type Dashboard, named, rare } from '../model.ts';
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
          title: 'Events handled',
          description: 'Events whose handler committed, parked ones that took effect later included.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('inboxHandled', byTopic)],
        },
        {
          title: 'Oldest record not handled',
          description:
            'The age of the oldest record that is neither handled nor parked: how far behind the consumer is.',
          unit: 's',
          alarmFrom: 600,
          queries: [maxOf('inboxOldest', byTopic)],
        },
        {
          title: 'Lag',
          description: 'Records between the position of the consumer and the end of the log.',
          queries: [sumOf('inboxLag', byTopic)],
        },
        {
          title: 'Duration of a slice',
          description: 'One transaction of several events, from its first statement to its commit.',
          unit: 's',
          queries: [
            { promql: quantile(0.5, 'inboxSliceDuration', byConsumer), legend: `${consumer} median` },
            { promql: quantile(0.99, 'inboxSliceDuration', byConsumer), legend: `${consumer} 99 %` },
          ],
        },
        {
          title: 'Events of a slice',
          description: 'Slices grow with the lag: a consumer that is behind commits more events at a time.',
          queries: [{ promql: quantile(0.99, 'inboxSliceSize', byConsumer), legend: `${consumer} 99 %` }],
        },
        {
          title: 'Duplicates dropped',
          description:
            'Events that the log delivered again. They are dropped by their position and take no effect.',
          unit: 'ops',
          queries: [rare(perSecond('inboxDuplicates', byTopic))],
        },
      ],
    },
    {
      title: 'What waits',
      panels: [
        {
          title: 'Partitions that wait for an operator',
          description:
            'Halted partitions by alarm. `converge consumers list` has the reason; docs/guides/alarms.md the next step.',
          alarmFrom: 1,
          queries: [rare(sumOf('inboxHalted', byReason))],
        },
        {
          title: 'Partitions that wait by themselves',
          description: 'Paused partitions by alarm. They resume when the cause is gone.',
          queries: [rare(sumOf('inboxPaused', byReason))],
        },
        {
          kind: 'stat',
          title: 'Pauses',
          description: 'Pauses in the shown time, by alarm.',
          queries: [rare(occurred('inboxPauses', byReason))],
        },
        {
          title: 'Parked keys',
          description: 'Keys whose events wait in order, while those of all other keys are handled.',
          queries: [maxOf('inboxParkedKeys', byConsumer)],
        },
        {
          title: 'Parked events and dead letters',
          description:
            'Events that wait for a retry, and those that wait for an operator: `converge parked groups`.',
          queries: [maxOf('inboxParked', { where, by: ['consumer', 'parkedState'] })],
        },
        {
          title: 'Oldest parked event',
          description: 'The age of the oldest parked event. It alerts after an hour.',
          unit: 's',
          alarmFrom: 3_600,
          queries: [maxOf('inboxParkedAge', byConsumer)],
        },
      ],
    },
    {
      title: 'Recovery',
      panels: [
        {
          title: 'Time to recovery',
          description:
            'From the first failure to the success after it, drawn at the time of the success. partition: an outage. key: parked. event: retried in place.',
          unit: 's',
          width: 12,
          queries: [recentMean('inboxRecovery', { where, by: ['consumer', 'recoveryScope'] })],
        },
        {
          title: 'Recoveries',
          description: 'How many partitions, keys and events recovered per second.',
          unit: 'ops',
          width: 12,
          queries: [recordedPerSecond('inboxRecovery', { where, by: ['consumer', 'recoveryScope'] })],
        },
      ],
    },
    {
      title: 'What was given up, and what is wrong with the log',
      panels: [
        {
          title: 'Dead letters',
          description:
            'Events given up since the processes started, by kind of failure. Each has a failure event.',
          queries: [rare(sinceStart('deadLetters', { where, by: ['consumer', 'failureKind'] }))],
        },
        {
          kind: 'stat',
          title: 'Dead letters of bad data',
          description: 'Events whose bytes or data cannot be used, since the processes started.',
          alarmFrom: 1,
          queries: [
            rare(
              sinceStart('deadLetters', {
                where: { ...where, failureKind: is('data') },
                by: ['topic'],
              }),
            ),
          ],
        },
        {
          title: 'Doubts about the log',
          description:
            'Gaps, ended epochs, forged positions, reused names and ids, since the processes started. Each has an alarm.',
          alarmFrom: 1,
          queries: [
            rare(sinceStart('inboxGaps', byConsumer), `${consumer} gaps`),
            rare(sinceStart('inboxSuperseded', byConsumer), `${consumer} ended epoch`),
            rare(sinceStart('inboxContradictions', byReason)),
            rare(sinceStart('inboxSourceConflicts', byConsumer), `${consumer} source names`),
            rare(sinceStart('inboxForeignReused', byConsumer), `${consumer} reused ids`),
            rare(sinceStart('inboxUnreadableDropped', byConsumer), `${consumer} unreadable`),
          ],
        },
      ],
    },
  ],
};
