import { defineEvent } from '@convergekit/contracts';
import { defineSaga } from '@convergekit/saga/declare';
import { z } from 'zod';
import { accountId, cents, reason } from './parts.ts';

/** The id of a transfer from a giro to a savings account, between two banks with separate databases. */
const transferId = z.uuid();
const key = (data: { transferId: string }): string => data.transferId;
const giro = 'bank.giro';
const savings = 'bank.savings';

/** A customer requests a transfer. Nothing has moved yet. */
export const transferRequested = defineEvent('bank.transfer.requested', {
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, from: accountId, to: accountId, amountCents: cents }),
});

/** The money has left the giro account. Contains the data for the next step. */
export const moneyWithdrawn = defineEvent('bank.money.withdrawn', {
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, to: accountId, amountCents: cents }),
});

/** The withdrawal was refused: account unknown, closed, or its balance too low. Nothing has moved. */
export const withdrawalRefused = defineEvent('bank.withdrawal.refused', {
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, reason }),
});

/** The money was returned to the giro account. */
export const moneyReturned = defineEvent('bank.money.returned', {
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId, reason }),
});

/** The money is on the savings account: the saga can only go forward. */
export const moneyDeposited = defineEvent('bank.money.deposited', {
  version: 1,
  topic: savings,
  key,
  data: z.object({ transferId, amountCents: cents }),
});

/** The deposit was refused: the savings account is unknown or closed. Nothing has arrived. */
export const depositRefused = defineEvent('bank.deposit.refused', {
  version: 1,
  topic: savings,
  key,
  data: z.object({ transferId, reason }),
});

/** The giro bank has recorded that the money arrived. */
export const transferSettled = defineEvent('bank.transfer.settled', {
  version: 1,
  topic: giro,
  key,
  data: z.object({ transferId }),
});

export const transferMoney = defineSaga('bank.transfer-money', { start: transferRequested })
  .compensatable('withdraw', {
    by: 'giro',
    success: moneyWithdrawn,
    failure: withdrawalRefused,
    undone: moneyReturned,
  })
  .pivot('deposit', { by: 'savings', success: moneyDeposited, failure: depositRefused })
  .retriable('settle', { by: 'giro', success: transferSettled });
