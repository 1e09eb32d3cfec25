import { defineEvent } from '@convergekit/contracts';
import { saga } from '@convergekit/saga/declare';
import { z } from 'zod';
import { accountId, cents, reason } from './parts.ts';

/** Money goes from a giro account to a savings account: two banks with a database each. Keyed by the transfer. */
const transferId = z.uuid();
const key = (data: { transferId: string }): string => data.transferId;
const giro = 'bank.giro';
const savings = 'bank.savings';

/** A customer wants money moved. Nothing has moved yet. */
export const transferRequested = defineEvent({
  type: 'bank.transfer.requested',
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, from: accountId, to: accountId, amountCents: cents }),
});

/** The money has left the giro account and is on its way. Carries what the next step needs. */
export const moneyWithdrawn = defineEvent({
  type: 'bank.money.withdrawn',
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, to: accountId, amountCents: cents }),
});

/** There is no such giro account, it is closed, or it does not hold so much: nothing has moved. */
export const withdrawalRefused = defineEvent({
  type: 'bank.withdrawal.refused',
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, reason }),
});

/** The money is back on the giro account. */
export const moneyReturned = defineEvent({
  type: 'bank.money.returned',
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, reason }),
});

/** The money is on the savings account. There is no way back from here. */
export const moneyDeposited = defineEvent({
  type: 'bank.money.deposited',
  version: 1,
  topic: savings,
  key,
  data: z.object({ transferId, amountCents: cents }),
});

/** There is no such savings account, or it is closed: nothing has arrived. */
export const depositRefused = defineEvent({
  type: 'bank.deposit.refused',
  version: 1,
  topic: savings,
  key,
  data: z.object({ transferId, reason }),
});

/** The giro bank has it in its books that the money arrived. */
export const transferSettled = defineEvent({
  type: 'bank.transfer.settled',
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId }),
});

export const transferMoney = saga('bank.transfer-money', { start: transferRequested })
  .compensatable('withdraw', {
    by: 'giro',
    success: moneyWithdrawn,
    failure: withdrawalRefused,
    undone: moneyReturned,
  })
  .pivot('deposit', { by: 'savings', success: moneyDeposited, failure: depositRefused })
  .retriable('settle', { by: 'giro', success: transferSettled });
