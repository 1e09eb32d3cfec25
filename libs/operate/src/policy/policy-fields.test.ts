import { describe, expect, it } from 'vitest';
import { withFields } from './policy-fields.ts';

describe('fields of a policy at the command line', () => {
  it('policy fields are merged into the change that the rule has', () => {
    const before = { attempts: 3, backoff: { capMs: 9 } };
    expect(withFields(before, ['backoff.baseMs=5', 'deadlineMs=unbounded', 'breaker.open.capMs=7'])).toEqual({
      attempts: 3,
      backoff: { capMs: 9, baseMs: 5 },
      deadlineMs: 'unbounded',
      breaker: { open: { capMs: 7 } },
    });
    expect(before).toEqual({ attempts: 3, backoff: { capMs: 9 } });
  });

  it('policy fields with an empty value are removed, with the group that is empty then', () => {
    expect(withFields({ attempts: 3, backoff: { capMs: 9 } }, ['backoff.capMs='])).toEqual({ attempts: 3 });
  });

  it.each(['attempts', '=3', 'backoff..capMs=1', '__proto__.x=1', ''])(
    'policy fields that are not path=value are refused: %j',
    (field) => {
      expect(() => withFields({}, [field])).toThrow('is no field of a policy');
    },
  );
});
