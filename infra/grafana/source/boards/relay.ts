import { type Dashboard, named } from '../model.ts';
import { maxOf, occurred, perSecond, quantile, sinceStart, sumOf } from '../queries.ts';
import { byLabels, chosen, selector } from '../series.ts';

const where = { source: chosen('source') };
const bySource = { where, by: ['source'] } as const;
const source = named('source');

export const relay: Dashboard = {
  id: 'relay',
  title: 'Relay',
  description: 'From the outbox to the log: what waits, how fast it leaves, and who leads.',
  variables: [{ label: 'source', of: 'relayLeader' }],
  rows: [
    {
      title: 'What waits in the outbox',
      panels: [
        {
          kind: 'timeseries',
          title: 'Oldest event not published',
          description:
            'An event is late from a minute on (relay.lateAfterMs). Look for an alarm of the relay first.',
          unit: 's',
          alarmFrom: 60,
          queries: [{ promql: maxOf('outboxAge', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Events not published',
          description: 'Events that wait, of topics that flow. Events of held topics are in the age only.',
          unit: 'short',
          queries: [{ promql: maxOf('outboxBacklog', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Outbox on disk',
          description:
            'The whole outbox with retained events, and the share that waits. The limit is outbox.maxBytes.',
          unit: 'bytes',
          queries: [
            { promql: maxOf('outboxSize', bySource), legend: `${source} on disk` },
            { promql: maxOf('outboxWaiting', bySource), legend: `${source} waiting` },
            { promql: maxOf('outboxLimit', bySource), legend: `${source} limit`, rare: true },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Growth of what waits',
          description:
            'Bytes per second that the outbox gains while events wait. Bytes left divided by it: the time until it is full.',
          unit: 'bytes',
          queries: [{ promql: maxOf('outboxGrowth', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Events written',
          description: 'Ids taken per second, also by SQL and by transactions that were rolled back.',
          unit: 'ops',
          queries: [
            {
              promql: `max ${byLabels(['source'])}(rate(${selector('outboxAppended', where)}[$__rate_interval]))`,
              legend: source,
            },
          ],
        },
      ],
    },
    {
      title: 'Throughput',
      panels: [
        {
          kind: 'timeseries',
          title: 'Events published',
          description: 'Events that the broker acknowledged, by topic.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              promql: perSecond('relayPublished', { where, by: ['source', 'topic'] }),
              legend: named('source', 'topic'),
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Duration of a send',
          description: 'From the call to the last acknowledgement. It rises with a slow broker.',
          unit: 's',
          queries: [
            { promql: quantile(0.5, 'relayPublishDuration', bySource), legend: `${source} median` },
            { promql: quantile(0.99, 'relayPublishDuration', bySource), legend: `${source} 99 %` },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Events of a send',
          description: 'Sizes grow under load: the relay sends more events at a time, not later.',
          unit: 'short',
          queries: [
            { promql: quantile(0.5, 'relayBatchSize', bySource), legend: `${source} median` },
            { promql: quantile(0.99, 'relayBatchSize', bySource), legend: `${source} 99 %` },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Duration of a tick',
          description: 'One poll of the database with its tick. It rises with a slow database.',
          unit: 's',
          queries: [{ promql: quantile(0.99, 'relayTickDuration', bySource), legend: `${source} 99 %` }],
        },
        {
          kind: 'timeseries',
          title: 'Ticks',
          description:
            'Snapshot boundaries persisted per second. None while events wait: the relay is stuck.',
          unit: 'ops',
          queries: [{ promql: perSecond('relayTicks', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Failed sends',
          description:
            'Sends of a partition that failed and are repeated. They use up no attempt of an event.',
          unit: 'ops',
          queries: [
            {
              promql: perSecond('relaySendFailures', { where, by: ['source', 'topic'] }),
              legend: named('source', 'topic'),
              rare: true,
            },
          ],
        },
      ],
    },
    {
      title: 'Leadership and alarms',
      panels: [
        {
          kind: 'stat',
          title: 'Leaders',
          description:
            'Processes that lead, by source: exactly one. Zero for longer than a lease: nothing is published.',
          unit: 'short',
          width: 6,
          queries: [{ promql: sumOf('relayLeader', bySource), legend: source }],
        },
        {
          kind: 'stat',
          title: 'Takeovers',
          description:
            'Leases taken in the shown time. Several without a deployment: look for a process that is restarted.',
          unit: 'short',
          width: 6,
          queries: [{ promql: occurred('relayTakeovers', bySource), legend: source }],
        },
        {
          kind: 'stat',
          title: 'Takeovers since the start',
          description: 'Leases taken by the processes that run now.',
          unit: 'short',
          width: 6,
          queries: [{ promql: sinceStart('relayTakeovers', bySource), legend: source }],
        },
        {
          kind: 'stat',
          title: 'Epoch',
          description: 'The epoch of the source. It grows by a rebase only.',
          unit: 'short',
          width: 6,
          queries: [{ promql: maxOf('relayEpoch', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Alarms raised',
          description: 'Each alarm that is raised, by name. What it means: docs/guides/alarms.md.',
          unit: 'short',
          width: 12,
          alarmFrom: 1,
          queries: [
            {
              promql: `${maxOf('relayAlarm', { where, by: ['source', 'alarm'] })} > 0`,
              legend: named('source', 'alarm'),
              rare: true,
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Halted topics',
          description: 'Topics that wait for an operator. Events of the other topics flow.',
          unit: 'short',
          width: 6,
          alarmFrom: 1,
          queries: [{ promql: maxOf('relayHaltedTopics', bySource), legend: source }],
        },
        {
          kind: 'timeseries',
          title: 'Transactions that hold back retention',
          description: 'Open transactions that keep finished parts of the outbox from being dropped.',
          unit: 'short',
          width: 6,
          queries: [{ promql: maxOf('relayHorizonBlockers', bySource), legend: source }],
        },
      ],
    },
  ],
};
