import type { Random } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import {
  type AccountFact,
  bankClaims,
  type BankFacts,
  type MovementFact,
  type TransferFact,
} from '../../../checker/banks.ts';
import { type Answered, checkOf } from '../../../checker/check.ts';
import { findWrongEffects } from '../../../checker/effects.ts';
import { logClaims } from '../../../checker/log-claims.ts';
import { transferMoneyShape } from '../../../checker/sagas/shapes.ts';
import type { Bank } from '../../../../services/transfers/src/migrations.ts';
import { drive } from '../../drive.ts';
import { serviceFile } from '../../process.ts';
import { reconciledOnce } from '../../reconciled.ts';
import type { Log } from '../../servers.ts';
import { shownCheck } from '../../sagas.ts';
import { type Count, lookAtServices, readServices, type Services } from '../../services.ts';
import type { Exposed, Judged, Load, Look, Part, Run } from '../../types.ts';
import { ask } from '../ask.ts';
import type { Customer } from '../shop/customer.ts';
import { ACCOUNTS, bankNames, type Banks } from './banks.ts';

/** Transfers between two banks as a workload: every saga, account and topic is judged. */
export class TransfersPart implements Part {
  readonly targets: Part['targets'];
  readonly #banks: Banks;
  readonly #services: Services;
  readonly #run: Run;
  readonly #answered: Answered[] = [];

  constructor(banks: Banks, log: Log, run: Run) {
    this.#banks = banks;
    this.#services = { ...banks, log, names: bankNames, shape: transferMoneyShape, observedIn: 'giro' };
    this.#run = run;
    this.targets = {
      processes: banks.children,
      sources: bankNames.map((name) => ({
        name,
        database: banks.databases[name],
        env: banks.envOf(name),
        relays: [],
      })),
      links: bankNames.map((name) => ({ name, to: 'database', proxy: banks.networks[name].proxy })),
      exposed: exposedOf(banks),
      topics: banks.topics.filter((topic) => !topic.endsWith('.failures')),
    };
  }

  start(): Promise<void> {
    return this.#banks.start();
  }

  async load(load: Load, seeded: (n: number) => () => number, signal: AbortSignal): Promise<void> {
    const { clock, seed } = this.#run;
    const bank = { url: this.#banks.giroUrl, clock, signal };
    await drive({ what: 'transfers', load, clock, signal }, async (n) => {
      const requestKey = `transfer-${seed}-${n}`;
      const id = await transfer(bank, requestKey, transferBody(seeded(-n - 2)));
      this.#answered.push({ requestKey, ids: new Set([id]) });
    });
  }

  status(): string {
    return `transfers answered ${this.#answered.length}`;
  }

  look(): Promise<Look> {
    const sql = `select count(*)::int as n from transfer where state = 'requested'`;
    return lookAtServices(this.#services, async (stuck): Promise<readonly Count[]> => {
      const { rows } = await this.#banks.databases.giro.executor.query<{ n: number }>(sql);
      return [[(rows[0]?.n ?? 0) - stuck, 'transfers are open']];
    });
  }

  async judge(): Promise<Judged> {
    const { events, verdict, effects, rows, sagas } = await readServices(this.#services, this.#run.signal);
    const facts = await readBanks(this.#banks.databases);
    const shown = facts.transfers.map(({ transferId: id, state }) => ({ id, state }));
    return {
      checks: [
        ...bankClaims(facts, this.#answered, sagas.stuck),
        shownCheck('transfers', shown, 'settled', sagas),
        ...logClaims(verdict, ' of the banks'),
        checkOf(
          'no effect twice at the banks, none without an event',
          effects.length,
          findWrongEffects(events, effects),
        ),
        ...sagas.checks,
        ...(await this.#reconciled()),
      ],
      figures: [['transfers', String(facts.transfers.length)], ...sagas.figures],
      evidence: { facts, events, rows },
    };
  }

  #reconciled() {
    return reconciledOnce([serviceFile('transfers/src/reconcilers/index.ts')], {
      CONVERGE__DATABASES__GIRO: this.#banks.envOf('giro').DATABASE_URL,
      CONVERGE__DATABASES__SAVINGS: this.#banks.envOf('savings').DATABASE_URL,
    });
  }
}

function exposedOf({ databases: { giro, savings } }: Banks): readonly Exposed[] {
  const movement = { table: 'movement', when: 'insert', key: 'transfer_id' } as const;
  return [
    { database: giro, ...movement, only: `new.kind = 'sent'`, forGood: 10 },
    { database: giro, ...movement, only: `new.kind = 'returned'` },
    { database: savings, ...movement, forGood: 20 },
    {
      database: giro,
      table: 'transfer',
      when: 'update',
      key: 'transfer_id',
      only: `new.state = 'settled'`,
      forGood: 2,
    },
  ];
}

/** Creates a transfer: 3 of 100 name a missing savings account; some accounts are poor or closed. */
function transferBody(random: Random) {
  const any = (): number => Math.floor(random() * ACCOUNTS);
  const to = random() < 0.03 ? 's-unknown' : `s${any()}`;
  return { from: `g${any()}`, to, amountCents: 1 + Math.floor(random() * 1_500) };
}

/** Repeats the same request under the same key until it is answered. Returns the transfer's id. */
async function transfer(
  { url, clock, signal }: Pick<Customer, 'url' | 'clock' | 'signal'>,
  requestKey: string,
  body: object,
): Promise<string> {
  const headers = { 'idempotency-key': requestKey };
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask(new URL('/transfers', url), { body, headers, signal });
    if (answer?.status === 201) return (JSON.parse(answer.text) as { transferId: string }).transferId;
    if (answer !== undefined)
      throw new Error(`the bank refused ${requestKey}: HTTP ${answer.status} ${answer.text}`);
    await clock.sleep(200, signal);
  }
}

const movementsSql = `
  select transfer_id as "transferId", kind, amount_cents::float8 as "amountCents" from movement`;
const accountsSql = `
  select account_id as "accountId", opened_cents::float8 as "openedCents", balance_cents::float8 as "balanceCents",
         coalesce((select sum(amount_cents) from movement m where m.account_id = a.account_id), 0)::float8 as "movedCents"
    from account a`;
const transfersSql = `
  select transfer_id as "transferId", state, amount_cents::float8 as "amountCents" from transfer`;

async function readBanks(databases: Readonly<Record<Bank, Database>>): Promise<BankFacts> {
  const ofBoth = async <R>(text: string): Promise<readonly R[]> => {
    const read = bankNames.map((bank) => databases[bank].executor.query<R & Record<string, unknown>>(text));
    return (await Promise.all(read)).flatMap(({ rows }) => rows);
  };
  const { rows: transfers } = await databases.giro.executor.query<TransferFact>(transfersSql);
  return {
    transfers,
    movements: await ofBoth<MovementFact>(movementsSql),
    accounts: await ofBoth<AccountFact>(accountsSql),
  };
}
