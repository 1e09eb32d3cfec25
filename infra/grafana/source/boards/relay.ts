import { type Dashboard, named, rare } from '../model.ts';
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
          title: 'Oldest event not published',
          description:
            'An event is late from a minute on (relay.lateAfterMs). Look for an alarm of the relay first.',
          unit: 's',
          alarmFrom: 60,
          queries: [maxOf('outboxAge', bySource)],
        },
        {
          title: 'Events not published',
          description: 'Events that wait, of topics that flow. Events of held topics are in the age only.',
          queries: [maxOf('outboxBacklog', bySource)],
        },
        {
          title: 'Outbox on disk',
          description:
            'The whole outbox with retained events, and the share that waits. The limit is outbox.maxBytes.',
          unit: 'bytes',
          queries: [
            { promql: maxOf('outboxSize', bySource), legend: `${source} on disk` },
            { promql: maxOf('outboxWaiting', bySource), legend: `${source} waiting` },
            rare(maxOf('outboxLimit', bySource), `${source} limit`),
          ],
        },
        {
          title: 'Growth of what waits',
          description:
            'Bytes per second that the outbox gains while events wait. Bytes left divided by it: the time until it is full.',
          unit: 'bytes',
          queries: [maxOf('outboxGrowth', bySource)],
        },
        {
          title: 'Events written',
          description: 'Ids taken per second, also by SQL and by transactions that were rolled back.',
          unit: 'ops',
          queries: [
            `max ${byLabels(['source'])}(rate(${selector('outboxAppended', where)}[$__rate_interval]))`,
          ],
        },
      ],
    },
    {
      title: 'Throughput',
      panels: [
        {
          title: 'Events published',
          description: 'Events that the broker acknowledged, by topic.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('relayPublished', { where, by: ['source', 'topic'] })],
        },
        {
          title: 'Duration of a send',
          description: 'From the call to the last acknowledgement. It rises with a slow broker.',
          unit: 's',
          queries: [
            { promql: quantile(0.5, 'relayPublishDuration', bySource), legend: `${source} median` },
            { promql: quantile(0.99, 'relayPublishDuration', bySource), legend: `${source} 99 %` },
          ],
        },
        {
          title: 'Events of a send',
          description: 'Sizes grow under load: the relay sends more events at a time, not later.',
          queries: [
            { promql: quantile(0.5, 'relayBatchSize', bySource), legend: `${source} median` },
            { promql: quantile(0.99, 'relayBatchSize', bySource), legend: `${source} 99 %` },
          ],
        },
        {
          title: 'Duration of a tick',
          description: 'One poll of the database with its tick. It rises with a slow database.',
          unit: 's',
          queries: [{ promql: quantile(0.99, 'relayTickDuration', bySource), legend: `${source} 99 %` }],
        },
        {
          title: 'Ticks',
          description:
            'Snapshot boundaries persisted per second. None while events wait: the relay is stuck.',
          unit: 'ops',
          queries: [perSecond('relayTicks', bySource)],
        },
        {
          title: 'Failed sends',
          description:
            'Sends of a partition that failed and are repeated. They use up no attempt of an event.',
          unit: 'ops',
          queries: [rare(perSecond('relaySendFailures', { where, by: ['source', 'topic'] }))],
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
          width: 6,
          queries: [sumOf('relayLeader', bySource)],
        },
        {
          kind: 'stat',
          title: 'Takeovers',
          description:
            'Leases taken in the shown time. Several without a deployment: look for a process that is restarted.',
          width: 6,
          queries: [occurred('relayTakeovers', bySource)],
        },
        {
          kind: 'stat',
          title: 'Takeovers since the start',
          description: 'Leases taken by the processes that run now.',
          width: 6,
          queries: [sinceStart('relayTakeovers', bySource)],
        },
        {
          kind: 'stat',
          title: 'Epoch',
          description: 'The epoch of the source. It grows by a rebase only.',
          width: 6,
          queries: [maxOf('relayEpoch', bySource)],
        },
        {
          title: 'Alarms raised',
          description: 'Each alarm that is raised, by name. What it means: docs/guides/alarms.md.',
          width: 12,
          alarmFrom: 1,
          queries: [rare(`${maxOf('relayAlarm', { where, by: ['source', 'alarm'] })} > 0`)],
        },
        {
          title: 'Halted topics',
          description: 'Topics that wait for an operator. Events of the other topics flow.',
          width: 6,
          alarmFrom: 1,
          queries: [maxOf('relayHaltedTopics', bySource)],
        },
        {
          title: 'Transactions that hold back retention',
          description: 'Open transactions that keep finished parts of the outbox from being dropped.',
          width: 6,
          queries: [maxOf('relayHorizonBlockers', bySource)],
        },
      ],
    },
  ],
};
