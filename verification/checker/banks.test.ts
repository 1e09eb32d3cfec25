/** Tests of the checker of the banks' books: each planted fault is found. */
import { describe, expect, it } from 'vitest';
import { type BankFacts, bankClaims } from './banks.ts';

const account = (accountId: string, openedCents: number, movedCents: number) => ({
  accountId,
  openedCents,
  movedCents,
  balanceCents: openedCents + movedCents,
});
const banks: BankFacts = {
  transfers: [
    { transferId: 't', state: 'settled', amountCents: 7 },
    { transferId: 'u', state: 'refused', amountCents: 9 },
  ],
  movements: [
    { transferId: 't', kind: 'sent', amountCents: -7 },
    { transferId: 't', kind: 'arrived', amountCents: 7 },
    { transferId: 'u', kind: 'sent', amountCents: -9 },
    { transferId: 'u', kind: 'returned', amountCents: 9 },
  ],
  accounts: [account('giro', 100, -7), account('savings', 10, 7)],
};
const answered = [
  { requestKey: 'l', ids: new Set(['t']) },
  { requestKey: 'm', ids: new Set(['u']) },
];

function found(
  changed: Partial<BankFacts> = {},
  answers = answered,
  stuck: readonly string[] = [],
): readonly string[] {
  const checks = bankClaims({ ...banks, ...changed }, answers, new Set(stuck));
  return checks.flatMap(({ findings }) => findings);
}

describe('the books of the banks', () => {
  it('the books of a run without faults have no findings', () => expect(found()).toEqual([]));

  it('a request that made two transfers is found', () => {
    expect(found({}, [{ requestKey: 'l', ids: new Set(['t', 'u']) }])).toEqual([
      'transfer_doubled: l was answered with 2 transfers',
    ]);
  });

  it('a transfer without a request is found, and one that was promised and is not there', () => {
    expect(found({}, answered.slice(1))).toEqual([
      'transfer_doubled: transfer t exists, and no answer named it',
    ]);
    expect(found({ transfers: banks.transfers.slice(1) })).toEqual([
      'transfer_missing: transfer t was promised and is not there',
    ]);
  });

  it.each<[string, Partial<BankFacts>, RegExp]>([
    [
      'money that arrived twice',
      { movements: [...banks.movements, banks.movements[1]!] },
      /arrived 7, arrived 7/,
    ],
    ['money that never came back', { movements: banks.movements.slice(0, 3) }, /u is refused.*sent -9/],
    [
      'an account off by a cent',
      { accounts: [{ ...account('giro', 100, -7), balanceCents: 94 }, account('savings', 10, 7)] },
      /giro: 100 \+ -7 is not 94/,
    ],
    [
      'money between the banks',
      { accounts: [account('giro', 100, -9), account('savings', 10, 7)] },
      /hold 108 cents, and 110/,
    ],
  ])('the check of the books finds %s', (_what, changed, finding) => {
    expect(found(changed).join('\n')).toMatch(finding);
  });

  it('a transfer that waits for an operator behind its pivot has moved its money once', () => {
    const requested = [{ ...banks.transfers[0]!, state: 'requested' }, banks.transfers[1]!];
    expect(found({ transfers: requested }, answered, ['t'])).toEqual([]);
    expect(found({ transfers: requested })).toHaveLength(1);
  });
});
