import { describe, expect, it } from 'vitest';
import { approvalOf } from './approve.ts';

const at = new Date(0);

describe('the preview of an approval', () => {
  const status = {
    held: {
      at: at,
      reason:
        'a window allows 1 repair (20 % of the 5 keys in the last run); all were made, and more keys differ',
    },
    keys: { queued: 0, pending: 4, running: 0, terminal: 0 },
    window: { since: at, repairs: 1, lastRunKeys: 5 },
  };

  it('the preview names the repairs that are allowed and the keys that are held, before and after', () => {
    expect(approvalOf('stock', status, ['a', 'b', 'gone'], ['a', 'b'])).toMatchObject({
      eligible: 2,
      others: [{ count: 2 }, { count: 1, why: 'chosen, and not divergent any more' }],
      effect: expect.stringMatching(
        /^Now: 0 repairs allowed, 4 keys held, after 1 repairs in this window; .*After the approval: 2 repairs allowed \(40 % of the 5 keys of the last run\), 2 keys held; only a, b\.$/,
      ) as string,
    });
    expect(approvalOf('stock', status, undefined, undefined)).toMatchObject({
      eligible: 4,
      others: [{ count: 0 }, { count: 0 }],
    });
  });

  it('nothing is eligible where no repair is held', () => {
    expect(approvalOf('stock', { ...status, held: null }, undefined, undefined).eligible).toBe(0);
  });
});
