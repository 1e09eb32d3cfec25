import { describe, expect, it } from 'vitest';
import { audit, type Dump, overall } from './audit.ts';
import type { OutboxRow } from './facts.ts';

const row: OutboxRow = {
  source: 'orders',
  id: 5n,
  eventId: '01990000-0000-7000-8000-000000000001',
  topic: 'shop.orders',
  key: 'k',
  type: 'shop.order.placed',
  createdAtMs: 0,
};
const empty: Dump = {
  outbox: [],
  before: new Map(),
  log: [],
  effects: [],
  steps: [],
  shop: { orders: [], stock: [], reservations: [], payments: [], parcels: [], charges: [] },
  answered: [],
};
const unpublished: Dump = { ...empty, outbox: [row], before: new Map([['orders', 5n]]) };
const lost = (dump: Dump, settled: boolean): string =>
  audit(dump, [], settled).find(({ claim }) => claim.startsWith('no event lost'))!.judgement;

describe('audit', () => {
  it('the audit disagrees on a row that is not in the log when nothing in the shop is open', () => {
    expect(lost(unpublished, true)).toBe('disagrees');
  });

  it('the audit leaves a row that is not in the log undecided while something in the shop is open', () => {
    expect(lost(unpublished, false)).toBe('not_settled');
  });

  it('the audit does not expect in the log a row that was written after the log was read', () => {
    const later = { ...unpublished, before: new Map([['orders', 4n]]) };
    const [verdict] = audit(later, [], true).filter(({ claim }) => claim.startsWith('no event lost'));
    expect(verdict).toMatchObject({ looked: 0, findings: [] });
  });

  it('the audit disagrees on an event that no outbox has, whether something in the shop is open or not', () => {
    const record = {
      topic: 'shop.orders',
      partition: 0,
      offset: 0n,
      key: 'k',
      headers: { ce_id: 'x' },
      payload: '{}',
    };
    const invented = audit({ ...empty, log: [record] }, [], false).find(({ claim }) =>
      claim.startsWith('no event invented'),
    );
    expect(invented?.judgement).toBe('disagrees');
  });

  it('the audit as a whole never agrees while something in the shop stays open', () => {
    const fine = [{ claim: 'x', judgement: 'agrees', looked: 1, findings: [] }] as const;
    expect(overall(fine, true)).toBe('agrees');
    expect(overall(fine, false)).toBe('not_settled');
  });
});
