import { operation, systemClock, systemRandom } from 'convergekit';
import { policyBook, SharedGuards } from 'convergekit/process';
import { pay } from './shop.ts';

const policies = policyBook({ 'payment.charge': { attempts: 2, attemptTimeoutMs: 2_000 } });
const time = { clock: systemClock, random: systemRandom };
/** Breakers and retry budgets: one instance for the process. */
const shared = new SharedGuards({ ...time, policies });

const charge = operation({
  name: 'payment.charge', // its policy, breaker and budget
  idempotency: 'keyed', // the provider drops repeats of the key
  key: ({ order }: { order: string; cents: number }) => `charge:${order}`,
  call: ({ cents }, { idempotencyKey = '', signal }) => pay(cents, idempotencyKey, signal),
});

export const receipt = charge.run({ order: 'o-1', cents: 4_999 }, { ...time, shared });
