import { type Dashboard, named, rare } from '../model.ts';
import { maxOf, perSecond, quantile, recordedPerSecond } from '../queries.ts';
import { byLabels, is, type Label, type LabelOf, noneOf, selector } from '../series.ts';

/** What attempts are made of: a handler of a consumer, an operation, or a call. */
const subject = ['consumer', 'handler', 'operationName', 'call'] as const;
const outcomes = ['outcome', 'reason'] as const;
const unclassified = { reason: is('UNCLASSIFIED') };

const all = selector('attempts');
const rateOf = (by: readonly Label[]): string => `sum ${byLabels(by)}(rate(${all}[$__rate_interval]))`;

/**
 * The entropy of attempt outcomes by reason, in bits: 0 when all attempts end alike, 1 when two ends are equally frequent.
 * A jump says that something new fails, before any share of failures does.
 */
function entropyBy(by: readonly Label[]): string {
  const each = rateOf([...by, ...outcomes]);
  const share =
    by.length === 0
      ? `(${each} > 0) / scalar(${rateOf([])})`
      : `(${each} > 0) / on (${labelsOf(by)}) group_left () ${rateOf(by)}`;
  return `-sum ${byLabels(by)}((${share}) * log2(${share}))`;
}

function labelsOf(labels: readonly Label[]): string {
  return byLabels(labels).replace(/^by \((.*)\) $/, '$1');
}

/** The share of repeated attempts that succeeded. First attempts do not count. */
function successAfterBackOff(by: readonly LabelOf<'attemptDuration'>[]): string {
  const repeated = { attempt: noneOf('1') } as const;
  const succeeded = recordedPerSecond('attemptDuration', { where: { ...repeated, outcome: is('ok') }, by });
  return `${succeeded} / ${recordedPerSecond('attemptDuration', { where: repeated, by })}`;
}

export const retries: Dashboard = {
  id: 'retries',
  title: 'Retries',
  description: 'Attempts with what followed: how they spread, whether waiting helps, and what it costs.',
  variables: [],
  rows: [
    {
      title: 'How attempts end',
      panels: [
        {
          title: 'Attempts by outcome',
          description:
            'applied: it took effect. retry, rerun, pause, park: it waits. reject: the business refused. dead, give_up, stop, stuck: given up.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('attempts', { by: ['outcome'] })],
        },
        {
          title: 'Failed attempts by reason',
          description:
            'The codes of errors. The first hundred codes have their own line, later ones are `other`.',
          unit: 'ops',
          stacked: true,
          queries: [perSecond('attempts', { where: { reason: noneOf('none') }, by: ['category', 'reason'] })],
        },
        {
          title: 'Entropy of all attempts',
          description:
            'The spread of outcomes by reason, in bits. 0: all attempts end alike. A jump: something new fails.',
          unit: 'bits',
          queries: [{ promql: entropyBy([]), legend: 'all attempts' }],
        },
        {
          title: 'Entropy by handler, operation and call',
          description: 'Which of them has the new kind of failure.',
          unit: 'bits',
          width: 12,
          queries: [{ promql: entropyBy(subject), legend: named(...subject) }],
        },
        {
          kind: 'table',
          title: 'Failures, by what failed and why',
          description:
            'Failed attempts per second now. The kind says what helps: transient waits, structural and data do not.',
          unit: 'ops',
          width: 12,
          queries: [
            {
              promql: perSecond('attempts', {
                where: { reason: noneOf('none') },
                by: [...subject, 'category', 'failureKind', 'outcome', 'reason'],
              }),
              legend: '',
            },
          ],
        },
      ],
    },
    {
      title: 'Whether waiting helps',
      panels: [
        {
          title: 'Success after back-off',
          description:
            'Repeated attempts that succeeded. Near 0: the cause is not transient, and retries only cost.',
          unit: 'percentunit',
          queries: [{ promql: successAfterBackOff([]), legend: 'repeated attempts' }],
        },
        {
          title: 'Success after back-off, by attempt',
          description: 'If the last attempts never succeed, fewer attempts do the same work.',
          unit: 'percentunit',
          queries: [{ promql: successAfterBackOff(['attempt']), legend: `attempt ${named('attempt')}` }],
        },
        {
          title: 'Waits before the next attempt',
          description: 'The 99th percentile of computed waits, by the rule that decided.',
          unit: 's',
          queries: [quantile(0.99, 'attemptWait', { by: ['waitRule'] })],
        },
        {
          title: 'Duration of attempts',
          description:
            'The 99th percentile of single attempts, by number. Long last attempts: the other system is overloaded.',
          unit: 's',
          queries: [
            {
              promql: quantile(0.99, 'attemptDuration', { by: ['attempt'] }),
              legend: `attempt ${named('attempt')}`,
            },
          ],
        },
        {
          title: 'Retry budgets',
          description: 'What is left, 0 to 1. At 0 the operation is called once and not retried.',
          unit: 'percentunit',
          queries: [rare(`min ${byLabels(['operationName'])}(${selector('retryBudget')})`)],
        },
        {
          title: 'Breakers',
          description:
            '0 closed, 1 half open, 2 open, 3 isolated by an operator. Open: the dependency is not called.',
          alarmFrom: 2,
          queries: [rare(maxOf('breakerState', { by: ['operationName'] }))],
        },
        {
          title: 'Changes of breakers',
          description: 'A breaker that opens again and again: the dependency is up, and fails under load.',
          unit: 'ops',
          queries: [rare(perSecond('breakerChanges', { by: ['operationName', 'breakerState'] }))],
        },
        {
          title: 'Errors without a rule',
          description:
            'Attempts that failed by an error that no rule of `classify` matches: add a rule for it.',
          unit: 'ops',
          queries: [rare(perSecond('attempts', { where: unclassified, by: ['category'] }))],
        },
        {
          kind: 'stat',
          title: 'Age of the central policies',
          description:
            'Time since a process read them last. While they cannot be read, the last good ones hold.',
          unit: 's',
          alarmFrom: 60,
          queries: [
            { promql: maxOf('policyStaleness'), legend: 'oldest' },
            { promql: maxOf('policyRefused'), legend: 'rules refused' },
          ],
        },
      ],
    },
  ],
};
