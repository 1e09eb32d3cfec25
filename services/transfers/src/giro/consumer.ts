import { defineConsumer, step } from 'convergekit';
import {
  moneyReturned,
  moneyWithdrawn,
  transferMoney,
  transferRequested,
  transferSettled,
  withdrawalRefused,
} from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { book, returnMoney } from '../account-store.ts';
import type { GiroDb } from '../tables.ts';
import { endTransfer } from './transfer-store.ts';

const bookings = defineConsumer<GiroDb>('giro', { from: 'first' })
  .include(
    step(transferMoney.withdraw, {
      apply: async (event, { tx }) => {
        const { transferId, from, to, amountCents } = event.data;
        const no = await book(tx, { transferId, accountId: from, kind: 'sent', amountCents: -amountCents });
        if (no !== undefined) return withdrawalRefused({ transferId, reason: no });
        await noteEffect(tx, 'giro', event, 'apply');
        return moneyWithdrawn({ transferId, to, amountCents });
      },
      compensate: async ({ intent, reason }, { tx }) => {
        const { transferId, from, amountCents } = intent.data;
        await noteEffect(tx, 'giro', intent, 'compensate');
        await returnMoney(tx, { transferId, accountId: from, amountCents });
        return moneyReturned({ transferId, reason: reason.text });
      },
      noop: ({ key, reason }) => moneyReturned({ transferId: key, reason: reason.text }),
    }),
  )
  .include(
    step(transferMoney.settle, {
      apply: async (event, { tx }) => {
        const { transferId } = event.data;
        await noteEffect(tx, 'giro', event, 'apply');
        await endTransfer(tx, transferId, { state: 'settled' });
        return transferSettled({ transferId });
      },
    }),
  )
  // A failed saga ends with the refusal or the return of its first step. Both handlers record the end for the customer.
  .on(withdrawalRefused, async (event, { tx }) => {
    await noteEffect(tx, 'giro', event);
    await endTransfer(tx, event.data.transferId, { state: 'refused', reason: event.data.reason });
  })
  .on(moneyReturned, async (event, { tx }) => {
    await noteEffect(tx, 'giro', event);
    await endTransfer(tx, event.data.transferId, { state: 'refused', reason: event.data.reason });
  });

/** Withdraws the money, returns it if the savings bank refuses it, and records the transfers: also those that it gives up. */
export const giro = bookings.onFailure(bookings, transferRequested, async (failure, { tx, event }) => {
  await noteEffect(tx, 'giro', event);
  const { transferId } = failure.event.data;
  await endTransfer(tx, transferId, { state: 'refused', reason: failure.message });
});
