import { defineConsumer, step } from 'convergekit';
import { depositRefused, moneyDeposited, transferMoney } from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { book } from '../account-store.ts';
import type { AccountsDb } from '../tables.ts';

/** The pivot of the saga: deposits the money, which cannot be undone. */
export const savings = defineConsumer<AccountsDb>('savings', { from: 'first' }).include(
  step(transferMoney.deposit, {
    apply: async (event, { tx }) => {
      const { transferId, to, amountCents } = event.data;
      const no = await book(tx, { transferId, accountId: to, kind: 'arrived', amountCents });
      if (no !== undefined) return depositRefused({ transferId, reason: no });
      await noteEffect(tx, 'savings', event, 'apply');
      return moneyDeposited({ transferId, amountCents });
    },
  }),
);
