import { expect, it } from 'vitest';
import { topicsReport, unwrittenTopics } from './dev-topics.ts';

const shop = { service: 'shop', writes: ['orders'], missing: [] };
const bank = { service: 'bank', writes: ['bank.failures'], missing: ['order'] };

it('a topic that one service reads and no other writes is named beside the topic that is spelled nearly as it', () => {
  expect(unwrittenTopics([shop, bank])).toEqual([
    "bank reads topic order, and no service here declares an event in it: if orders of shop is meant, correct the topic of the event's definition; otherwise it may be the topic of another team, whose service does not run here",
  ]);
  expect(unwrittenTopics([shop, { ...bank, missing: ['orders'] }])).toEqual([]);
});

it('a topic that resembles no other may be the topic of another team', () => {
  expect(unwrittenTopics([{ ...bank, missing: ['shipments'] }])).toEqual([
    'bank reads topic shipments, and no service here declares an event in it: it may be the topic of another team, whose service does not run here',
  ]);
});

it('a consumer whose failures one service handles and that no service has is named beside the one that is spelled nearly as it', () => {
  expect(unwrittenTopics([bank, { ...shop, missing: ['bnak.failures'] }])).toContain(
    'shop handles the failures of consumer bnak, and no service here has that consumer: if bank of bank is meant, correct the name that onFailure(…) was given; otherwise it may be one of another team, whose service does not run here',
  );
});

it('topics are compared when every service has reported its own, and each sentence is said once', () => {
  const lines: string[] = [];
  const report = topicsReport(2, (line) => lines.push(line));
  report(bank);
  report(bank);
  expect(lines).toEqual([]);
  report(shop);
  report(bank);
  expect(lines).toEqual(unwrittenTopics([bank, shop]));
  report({ ...bank, missing: ['orders'] });
  expect(lines).toHaveLength(1);
});
