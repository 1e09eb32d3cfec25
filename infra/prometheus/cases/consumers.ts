import type { AlertCase, Series } from './alert-case.ts';

const consumer = { converge_consumer: 'stock' };
const ofTopic = { ...consumer, converge_topic: 'shop.orders' };
const AT_TOPIC = 'converge_consumer="stock",converge_topic="shop.orders"';

/** A counter whose first sample is its first event: no increase, and no series ten minutes ago. */
const firstEvent = (series: string): Series => ({ [series]: '_x18 1x20' });
/** The same event, longer ago than an alert lasts. */
const longAgo = (series: string): Series => ({ [series]: '1x40' });

const counted = (alert: string, series: string, labels: AlertCase['labels']): AlertCase => ({
  alert,
  at: '20m',
  firing: firstEvent(series),
  labels,
  quiet: longAgo(series),
});

const waiting = (kind: 'halted' | 'paused', reason: string): string =>
  `converge_inbox_${kind}{${AT_TOPIC},converge_attempt_reason="${reason}"}`;
const deadLetters = (kind: string): string =>
  `converge_dead_letters_total{${AT_TOPIC},converge_failure_kind="${kind}"}`;
const parked = (state: string): string =>
  `converge_inbox_parked{converge_consumer="stock",converge_parked_state="${state}"}`;

const lagOf = (instance: string): string => `converge_inbox_lag{${AT_TOPIC},instance="${instance}"}`;
const breakerOf = (instance: string): string =>
  `converge_breaker_state{converge_operation="bank.charge",instance="${instance}"}`;

export const consumerCases: readonly AlertCase[] = [
  {
    alert: 'ConvergeConsumerHalted',
    at: '10m',
    firing: { [waiting('halted', 'gap')]: '0x8 2x10' },
    labels: { ...consumer, converge_attempt_reason: 'gap' },
    quiet: {
      [waiting('halted', 'gap')]: '2x8 0x10',
      [waiting('halted', 'operator_paused')]: '1x20',
      [waiting('paused', 'parked_cap')]: '1x20',
    },
  },
  {
    alert: 'ConvergeConsumerStillPaused',
    at: '70m',
    firing: { [waiting('halted', 'operator_paused')]: '0x5 1x80' },
    labels: consumer,
    quiet: { [waiting('halted', 'operator_paused')]: '1x50 0x5 1x80', [waiting('halted', 'gap')]: '1x100' },
  },
  {
    alert: 'ConvergeConsumerPaused',
    at: '10m',
    firing: { [waiting('paused', 'breaker_open')]: '0x3 1x20' },
    labels: { ...consumer, converge_attempt_reason: 'breaker_open' },
    quiet: { [waiting('paused', 'breaker_open')]: '0x6 1x20' },
  },
  {
    alert: 'ConvergeConsumerLate',
    at: '10m',
    firing: { [`converge_inbox_oldest_age_seconds{${AT_TOPIC}}`]: '0x5 601x20' },
    labels: consumer,
    quiet: { [`converge_inbox_oldest_age_seconds{${AT_TOPIC}}`]: '0x5 599x20' },
  },
  {
    alert: 'ConvergeConsumerGone',
    at: '30m',
    firing: { [lagOf('a')]: '0x5 7x5', [lagOf('b')]: '0x5' },
    labels: consumer,
    // Another process of the consumer has its partitions.
    quiet: { [lagOf('a')]: '0x5 7x5', [lagOf('b')]: '0x40' },
  },
  {
    alert: 'ConvergeBreakerOpen',
    at: '15m',
    firing: { [breakerOf('a')]: '0x5 2 2 1 2 1 2 2 2 2 2 2', [breakerOf('b')]: '0x20' },
    labels: { converge_operation: 'bank.charge' },
    quiet: { [breakerOf('a')]: '0x5 2 2 1 0 2 2 1 0 2 2 2 2' },
  },
  {
    alert: 'ConvergeStructuralFailure',
    at: '20m',
    firing: firstEvent(attempts('structural')),
    labels: { ...consumer, converge_handler: 'reserve', kind: 'structural' },
    quiet: firstEvent(attempts('transient')),
  },
  {
    ...counted('ConvergeBadData', deadLetters('data'), { ...ofTopic, kind: 'data' }),
    quiet: firstEvent(deadLetters('bug')),
  },
  {
    ...counted('ConvergeHandlerBugWaits', parkedFor('bug'), {
      ...consumer,
      converge_handler: 'reserve',
      kind: 'bug',
    }),
    quiet: firstEvent(parkedFor('transient')),
  },
  {
    ...counted('ConvergeHandlerBug', deadLetters('bug'), { ...ofTopic, kind: 'bug' }),
    quiet: firstEvent(deadLetters('transient')),
  },
  {
    ...counted('ConvergeRetriesExhausted', deadLetters('transient'), { ...ofTopic, kind: 'transient' }),
    quiet: firstEvent(deadLetters('data')),
  },
  {
    alert: 'ConvergeDeadLetters',
    at: '90m',
    firing: { [parked('dead')]: '0x20 1x100' },
    labels: consumer,
    quiet: { [parked('dead')]: '0x40 1x100', [parked('waiting')]: '1x200' },
  },
  counted('ConvergeGap', `converge_inbox_gaps_total{${AT_TOPIC}}`, ofTopic),
  counted(
    'ConvergeSourceConflict',
    'converge_inbox_source_conflicts_total{converge_consumer="stock"}',
    consumer,
  ),
  counted('ConvergeForeignIdReused', `converge_inbox_foreign_ids_reused_total{${AT_TOPIC}}`, ofTopic),
  counted('ConvergeUnreadableFlood', `converge_inbox_unreadable_dropped_total{${AT_TOPIC}}`, ofTopic),
  {
    alert: 'ConvergeParkedLong',
    at: '10m',
    firing: { 'converge_inbox_parked_age_seconds{converge_consumer="stock"}': '3001+60x20' },
    labels: consumer,
    quiet: { 'converge_inbox_parked_age_seconds{converge_consumer="stock"}': '2999+60x20' },
  },
  {
    alert: 'ConvergePoliciesStale',
    at: '10m',
    firing: { 'converge_policy_staleness_seconds{instance="a"}': '0x2 61+60x20' },
    labels: {},
    quiet: { 'converge_policy_staleness_seconds{instance="a"}': '0x7 61+60x20' },
  },
  {
    alert: 'ConvergePolicyRefused',
    at: '10m',
    firing: { 'converge_policy_refused{instance="a"}': '0x2 1x20' },
    labels: {},
    quiet: { 'converge_policy_refused{instance="a"}': '0x7 1x20' },
  },
];

function attempts(kind: string): string {
  return `converge_attempts_total{converge_consumer="stock",converge_handler="reserve",converge_failure_kind="${kind}"}`;
}

function parkedFor(kind: string): string {
  return `converge_attempts_total{converge_consumer="stock",converge_handler="reserve",converge_outcome="park",converge_failure_kind="${kind}"}`;
}
