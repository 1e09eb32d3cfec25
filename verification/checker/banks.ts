import { type Answered, type Check, checkOf, findWrongAnswers } from './check.ts';

/** A transfer as the giro bank has it. */
export interface TransferFact {
  readonly transferId: string;
  readonly state: string;
  readonly amountCents: number;
}

/** Money that moved for a transfer. */
export interface MovementFact {
  readonly transferId: string;
  readonly kind: string;
  readonly amountCents: number;
}

export interface AccountFact {
  readonly accountId: string;
  readonly openedCents: number;
  readonly balanceCents: number;
  /** The sum of the account's movements, in cents. */
  readonly movedCents: number;
}

export interface BankFacts {
  readonly transfers: readonly TransferFact[];
  readonly movements: readonly MovementFact[];
  readonly accounts: readonly AccountFact[];
}

/** The claims about transfers and accounts, over the books of both banks. `stuck`: transfers that wait for an operator. */
export function bankClaims(
  banks: BankFacts,
  answered: readonly Answered[],
  stuck: ReadonlySet<string>,
): readonly Check[] {
  const { transfers, accounts } = banks;
  const ids = transfers.map(({ transferId }) => transferId);
  const each = 'one transfer for each request, however often it was sent';
  const torn = 'transfers: both banks agree on how each ended';
  const money = 'the banks’ money conserved exactly: opened + moved = balance, and nothing is on its way';
  return [
    checkOf(each, answered.length, findWrongAnswers('transfer', ids, answered)),
    checkOf(torn, transfers.length, tornTransfers(banks, stuck), 'at_rest'),
    checkOf(money, accounts.length, bankMoneyOff(banks), 'at_rest'),
  ];
}

/** Sent and arrived once, or nothing, or sent and returned once. */
function tornTransfers({ transfers, movements }: BankFacts, stuck: ReadonlySet<string>): readonly string[] {
  const byTransfer = Map.groupBy(movements, ({ transferId }) => transferId);
  return transfers.flatMap(({ transferId, state, amountCents }) => {
    const own = byTransfer.get(transferId) ?? [];
    const did = own
      .map(({ kind, amountCents: cents }) => `${kind} ${cents}`)
      .toSorted()
      .join(', ');
    const done = [`arrived ${amountCents}`, `sent ${-amountCents}`].join(', ');
    const back = [`returned ${amountCents}`, `sent ${-amountCents}`].join(', ');
    const right = state === 'settled' || stuck.has(transferId) ? [done] : ['', back];
    return right.includes(did)
      ? []
      : [`transfer ${transferId} is ${state}, and what moved is: ${did || 'nothing'}`];
  });
}

function bankMoneyOff({ accounts }: BankFacts): readonly string[] {
  const sum = (of: (account: AccountFact) => number): number =>
    accounts.reduce((total, one) => total + of(one), 0);
  const opened = sum(({ openedCents }) => openedCents);
  const balance = sum(({ balanceCents }) => balanceCents);
  const off = accounts.filter(
    (one) => one.openedCents + one.movedCents !== one.balanceCents || one.balanceCents < 0,
  );
  return [
    ...off.map(
      (one) => `account ${one.accountId}: ${one.openedCents} + ${one.movedCents} is not ${one.balanceCents}`,
    ),
    ...(opened === balance ? [] : [`both banks hold ${balance} cents, and ${opened} were paid in`]),
  ];
}
