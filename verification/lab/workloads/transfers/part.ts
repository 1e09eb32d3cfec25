import { type AnsweredTransfer, bankClaims } from '../../../checker/banks.ts';
import { textsOf } from '../../../checker/check.ts';
import { findWrongEffects } from '../../../checker/effects.ts';
import { logClaims } from '../../../checker/log-claims.ts';
import { transferMoneyShape } from '../../../checker/sagas/shapes.ts';
import { drive } from '../../drive.ts';
import { serviceFile } from '../../process.ts';
import { reconciledOnce } from '../../reconciled.ts';
import type { Log } from '../../servers.ts';
import { type Count, lookAtServices, readServices, type Services, shownCheck } from '../../services.ts';
import type { Exposed, Judged, Load, Look, Part, Run } from '../../types.ts';
import { bankNames, type Banks } from './banks.ts';
import { readBanks } from './collect.ts';
import { transfer, transferBody } from './client.ts';

/** Transfers between two banks as a workload: every saga, account and topic is judged. */
export class TransfersPart implements Part {
  readonly targets: Part['targets'];
  readonly #banks: Banks;
  readonly #services: Services;
  readonly #run: Run;
  readonly #answered: AnsweredTransfer[] = [];

  constructor(banks: Banks, log: Log, run: Run) {
    this.#banks = banks;
    this.#services = { ...banks, log, names: bankNames, shape: transferMoneyShape, observedIn: 'giro' };
    this.#run = run;
    this.targets = {
      processes: banks.children,
      sources: bankNames.map((name) => ({
        ...{ name, database: banks.databases[name], env: banks.envOf(name), relays: [] },
      })),
      links: bankNames.map((name) => ({ name, to: 'database', proxy: banks.networks[name] })),
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
        ...logClaims(verdict, { of: ' of the banks' }),
        {
          claim: 'no effect twice at the banks, none without an event',
          looked: effects.length,
          findings: textsOf(findWrongEffects(events, effects)),
        },
        ...sagas.checks,
        ...(await this.#reconciled()),
      ],
      figures: [['transfers', String(facts.transfers.length)], ...sagas.figures],
      evidence: { facts, events, rows },
    };
  }

  #reconciled() {
    const { DATABASE_URL: giro = '' } = this.#banks.envOf('giro');
    const { DATABASE_URL: savings = '' } = this.#banks.envOf('savings');
    return reconciledOnce([serviceFile('transfers/src/reconcilers/index.ts')], {
      CONVERGE__RECONCILE__DATABASES__GIRO: giro,
      CONVERGE__RECONCILE__DATABASES__SAVINGS: savings,
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
