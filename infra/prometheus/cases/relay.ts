import type { AlertCase } from './alert-case.ts';

const alarm = (name: string): string =>
  `converge_relay_alarm{converge_source="shop",converge_alarm="${name}",instance="a"}`;
const leader = (instance: string): string =>
  `converge_relay_leader{converge_source="shop",instance="${instance}"}`;
const shop = { converge_source: 'shop' };

export const relayCases: readonly AlertCase[] = [
  {
    alert: 'ConvergeRelayBlocked',
    at: '10m',
    firing: { [alarm('topic_unknown')]: '0x8 1x5', [alarm('events_late')]: '0x20' },
    labels: { ...shop, converge_alarm: 'topic_unknown' },
    quiet: { [alarm('topic_unknown')]: '1x8 0x5', [alarm('clock_skewed')]: '1x20' },
  },
  {
    alert: 'ConvergeRelayWarning',
    at: '10m',
    firing: { [alarm('clock_skewed')]: '0x7 1x5', [alarm('topic_unknown')]: '1x20' },
    labels: { ...shop, converge_alarm: 'clock_skewed' },
    quiet: { [alarm('clock_skewed')]: '0x9 1x5' },
  },
  {
    alert: 'ConvergeRelayWithoutLeader',
    at: '10m',
    firing: { [leader('a')]: '1x5 0x20', [leader('b')]: '0x20' },
    labels: shop,
    quiet: { [leader('a')]: '1x5 0x20', [leader('b')]: '0x5 1x20' },
  },
  {
    alert: 'ConvergeRelayAbsent',
    at: '20m',
    firing: { [leader('a')]: '1x5' },
    labels: {},
    quiet: { [leader('a')]: '1x11' },
  },
];
