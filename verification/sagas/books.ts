import { endOf, type Run } from '../checker/sagas/ends.ts';
import {
  findMoneyOff,
  findStockOff,
  findTornOrders,
  findWrongOrders,
  type ShopFacts,
} from '../demo/audit/shop-audit.ts';
import type { Answered, Driven } from './drive.ts';

/** A transfer as the giro bank has it, and what moved for it. */
export interface TransferFact {
  readonly transferId: string;
  readonly state: string;
  readonly amountCents: number;
}

export interface MovementFact {
  readonly bank: string;
  readonly transferId: string;
  readonly kind: string;
  readonly amountCents: number;
}

export interface AccountFact {
  readonly bank: string;
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

export interface BookCheck {
  readonly claim: string;
  readonly looked: number;
  readonly findings: readonly string[];
}

type Runs = ReadonlyMap<string, Run>;

/** Stock and money, in the services' own books and the provider's. `runs`: by what was asked for (order or transfer). */
export function checkBooks(
  shop: ShopFacts,
  banks: BankFacts,
  driven: Driven,
  runs: Runs,
): readonly BookCheck[] {
  const stuck = new Set([...runs].flatMap(([id, run]) => (endOf(run) === 'stuck' ? [id] : [])));
  const orders = driven.orders.map(({ requestKey, ids }) => ({ requestKey, orderIds: ids }));
  return [
    {
      claim: 'one order and one transfer for each request, however often it was sent',
      looked: driven.orders.length + driven.transfers.length,
      findings: [
        ...messages(findWrongOrders(shop.orders, orders)),
        ...wrongTransfers(banks.transfers, driven.transfers),
      ],
    },
    ...shopBooks(shop, runs, stuck),
    ...bankBooks(banks, runs, stuck),
  ];
}

function shopBooks(shop: ShopFacts, runs: Runs, stuck: ReadonlySet<string>): readonly BookCheck[] {
  const { orders } = shop;
  const ended = orders.filter(({ orderId }) => !stuck.has(orderId));
  // A run that waits for an operator after the pivot has sold its goods, though it is not confirmed.
  const sold = orders.map((order) =>
    stuck.has(order.orderId) ? { ...order, state: soldAs(shop, order.orderId) } : order,
  );
  const shown = orders.map(({ orderId: id, state }) => ({ id, state }));
  return [
    {
      claim: 'orders: all services agree on how each ended',
      looked: orders.length,
      findings: [
        ...messages(findTornOrders({ ...shop, orders: ended })),
        ...disagreeing(shown, 'confirmed', runs),
      ],
    },
    {
      claim: 'stock conserved exactly: on hand + reserved + shipped = initial',
      looked: shop.stock.length,
      findings: messages(findStockOff(shop)),
    },
    {
      claim: 'the shop’s money conserved exactly: orders, payments and the provider agree',
      looked: shop.charges.length,
      findings: messages(findMoneyOff({ ...shop, orders: sold })),
    },
  ];
}

function bankBooks(banks: BankFacts, runs: Runs, stuck: ReadonlySet<string>): readonly BookCheck[] {
  const shown = banks.transfers.map(({ transferId: id, state }) => ({ id, state }));
  return [
    {
      claim: 'transfers: both banks agree on how each ended',
      looked: banks.transfers.length,
      findings: [...tornTransfers(banks, stuck), ...disagreeing(shown, 'settled', runs)],
    },
    {
      claim: 'the banks’ money conserved exactly: opened + moved = balance, and nothing is on its way',
      looked: banks.accounts.length,
      findings: bankMoneyOff(banks),
    },
  ];
}

function messages(found: readonly { readonly message: string }[]): readonly string[] {
  return found.map(({ message }) => message);
}

function soldAs(shop: ShopFacts, orderId: string): string {
  return shop.payments.some((one) => one.orderId === orderId && one.state === 'taken')
    ? 'confirmed'
    : 'cancelled';
}

function wrongTransfers(
  transfers: readonly TransferFact[],
  answered: readonly Answered[],
): readonly string[] {
  const answeredIds = new Set(answered.flatMap(({ ids }) => [...ids]));
  const there = new Set(transfers.map(({ transferId }) => transferId));
  return [
    ...answered.filter(({ ids }) => ids.size !== 1).map(({ requestKey, ids }) => `${requestKey} was answered with ${ids.size} transfers`), // prettier-ignore
    ...[...answeredIds]
      .filter((id) => !there.has(id))
      .map((id) => `transfer ${id} was promised and is not there`),
    ...[...there]
      .filter((id) => !answeredIds.has(id))
      .map((id) => `transfer ${id} exists, and no answer named it`),
  ];
}

/** Finds customers who are shown another end than the saga's. */
function disagreeing(
  shown: readonly { readonly id: string; readonly state: string }[],
  good: string,
  runs: ReadonlyMap<string, Run>,
): readonly string[] {
  return shown.flatMap(({ id, state }) => {
    const run = runs.get(id);
    const end = run === undefined ? 'not started' : endOf(run);
    const agrees = end === 'stuck' || (state === good ? end === 'completed' : end === 'compensated');
    return agrees ? [] : [`${id} is shown as ${state}, and its saga is ${end}`];
  });
}

/** Sent and arrived once, or nothing, or sent and returned once. */
function tornTransfers({ transfers, movements }: BankFacts, stuck: ReadonlySet<string>): readonly string[] {
  const byTransfer = Map.groupBy(movements, ({ transferId }) => transferId);
  return transfers.flatMap(({ transferId, state, amountCents }) => {
    const moved = (byTransfer.get(transferId) ?? []).map(
      ({ kind, amountCents: cents }) => `${kind} ${cents}`,
    );
    const did = moved.toSorted().join(', ');
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
  return [
    ...accounts
      .filter((one) => one.openedCents + one.movedCents !== one.balanceCents || one.balanceCents < 0)
      .map(
        (one) =>
          `account ${one.accountId}: ${one.openedCents} + ${one.movedCents} is not ${one.balanceCents}`,
      ),
    ...(opened === balance ? [] : [`both banks hold ${balance} cents, and ${opened} were paid in`]),
  ];
}
