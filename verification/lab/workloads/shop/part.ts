import { shopClaims } from '../../../checker/shop/claims.ts';
import type { Answered, Check } from '../../../checker/check.ts';
import { drive } from '../../drive.ts';
import { sourceState } from '../../operator.ts';
import { serviceFile } from '../../process.ts';
import { reconciledOnce } from '../../reconciled.ts';
import type { Servers } from '../../servers.ts';
import { shownCheck } from '../../sagas.ts';
import { readServices } from '../../services.ts';
import type { Drifted, Exposed, Judged, Load, Look, Part, Run, Span } from '../../types.ts';
import { lookAtShop, orderStates, readShop, reconcileEnvOf, repairsOf, servicesOf } from './look.ts';
import { placeOrder, wish } from './customer.ts';
import { type Evidence, type Extra, extraChecks } from './extras.ts';
import { figuresOf } from './figures.ts';
import { repairReport } from './repair-report.ts';
import type { Shop } from './shop.ts';
import { sources } from './specs.ts';
import { subscriptions } from '../../../checker/sagas/shapes.ts';

export interface ShopPartOptions {
  readonly servers: Servers;
  /** Judges each saga by its narrative, too, and ends with one run of the reconcilers, which must find nothing. */
  readonly sagas: boolean;
  readonly extras: readonly Extra[];
}

interface Answer extends Answered {
  readonly attempts: number;
}

/** The shop as a workload: customers order, and every database and topic is judged. */
export class ShopPart implements Part {
  readonly targets: Part['targets'];
  readonly #shop: Shop;
  readonly #run: Run;
  readonly #options: ShopPartOptions;
  readonly #answered: Answer[] = [];
  readonly #drifted: Drifted[] = [];
  #sent = 0;

  constructor(shop: Shop, run: Run, options: ShopPartOptions) {
    this.#shop = shop;
    this.#run = run;
    this.#options = options;
    const { postgres, kafka } = options.servers;
    this.targets = {
      processes: shop.children,
      sources: sources.map((name) => ({
        name,
        database: shop.databases[name],
        env: shop.envOf(name),
        relays: name === 'orders' ? [shop.child('relay-orders-a'), shop.child('relay-orders-b')] : [],
      })),
      providerUrl: shop.providerUrl,
      // Those of events: what consumers report of their failures is no stranger's business.
      topics: shop.topics.filter((topic) => !topic.endsWith('.failures')),
      exposed: exposedOf(shop),
      shop: { databases: shop.databases, drifted: (keys) => void this.#drifted.push(keys) },
      ...(postgres === undefined ? {} : { postgres }),
      ...(kafka === undefined ? {} : { kafka }),
    };
  }

  start(): Promise<void> {
    return this.#shop.start();
  }

  async load(load: Load, seeded: (n: number) => () => number, signal: AbortSignal): Promise<void> {
    const { clock, seed } = this.#run;
    const customer = { url: this.#shop.ordersUrl, clock, random: seeded(-1), signal };
    await drive({ what: 'orders', load, clock, signal }, async (n) => {
      const one = wish(seeded(n), `order-${seed}-${n}`);
      this.#sent += 1;
      const served = await placeOrder(customer, one);
      this.#answered.push({ requestKey: one.requestKey, ...served });
    });
  }

  async status(): Promise<string> {
    const of = await orderStates(this.#shop.databases);
    return `orders sent ${this.#sent}, answered ${this.#answered.length}: open ${of('placed')}, completed ${of('confirmed')}, compensated ${of('cancelled')}`;
  }

  look(): Promise<Look> {
    const drifted = this.#drifted.reduce((sum, one) => sum + one.keys.length, 0);
    return lookAtShop(this.#shop, drifted);
  }

  async judge(span: Span): Promise<Judged> {
    const { databases, topics, children } = this.#shop;
    const { sagas: withSagas, extras } = this.#options;
    const { rows, sagas, ...read } = await readServices(servicesOf(this.#shop), this.#run.signal);
    const shop = await readShop(databases);
    const steps = rows.fences.map(({ source: consumer, ...step }) => ({ ...step, consumer }));
    const dump = { ...read, steps, shop, answered: this.#answered, stuck: sagas.stuck };
    const repairs = await repairsOf(this.#shop);
    const states = await Promise.all(sources.map((name) => sourceState(this.#shop.envOf(name))));
    const evidence: Evidence = { dump, repairs, drifted: this.#drifted };
    const shown = shop.orders.map(({ orderId: id, state }) => ({ id, state }));
    return {
      checks: [
        ...shopClaims(dump, subscriptions),
        ...(withSagas ? [...sagas.checks, shownCheck('orders', shown, 'confirmed', sagas)] : []),
        ...extraChecks(extras, evidence, span.endedMs),
        ...(withSagas ? await this.#reconciled() : []),
      ],
      figures: [
        ...figuresOf({ dump, repairs: repairs.length, span, topics: topics.length }),
        ['takeovers', String(states.reduce((sum, { terms }) => sum + Math.max(0, terms - 1), 0))],
        ['restarts by the supervisor', String(children.reduce((sum, { restarts }) => sum + restarts, 0))],
        ...(withSagas ? sagas.figures : []),
        ...this.#drifted.map(({ what, keys }) => [`drifted: ${what}`, `${keys.length} keys`] as const),
      ],
      sections: repairs.length === 0 ? [] : [['drift repaired, before → after', repairReport(repairs)]],
      evidence,
    };
  }

  /** Runs every reconciler once, where none ran before: a key that differs is a finding, sagas come out right without. */
  #reconciled(): Promise<readonly Check[]> {
    return reconciledOnce([serviceFile('shop/src/reconcilers/index.ts')], reconcileEnvOf(this.#shop));
  }
}

function exposedOf({ databases: { inventory, payments, shipping, orders } }: Shop): readonly Exposed[] {
  const key = 'order_id';
  return [
    { database: inventory, table: 'reservation', when: 'insert', key, forGood: 10 },
    { database: inventory, table: 'reservation', when: 'update', key },
    { database: payments, table: 'payment', when: 'insert', key },
    { database: shipping, table: 'parcel', when: 'insert', key, forGood: 20 },
    { database: orders, table: 'orders', when: 'update', key, only: `new.state = 'confirmed'`, forGood: 3 },
  ];
}
