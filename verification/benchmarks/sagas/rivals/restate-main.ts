/**
 * The order saga as a Restate workflow: all in one process (layout A), or one service of it (layout B). Its input is
 * JSON in the first argument.
 */
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Order } from '../order.ts';
import { localSteps, type Steps } from './steps.ts';

export interface RestateInput {
  /** The folder where the rivals are installed. */
  readonly folder: string;
  /** `all` is layout A. */
  readonly role: 'all' | 'orders' | 'stock' | 'payments' | 'warehouse';
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly port: number;
}

type Called<T> = (order: Order) => Promise<T>;
/** A service of layout B: its handlers, called through Restate. */
type Handlers = Readonly<Record<string, (context: Context, order: Order) => Promise<unknown>>>;

/** The part of Restate's SDK that is used here, as its documentation describes it. */
interface Context {
  run<T>(name: string, action: () => Promise<T>): Promise<T>;
  /** Returns a client with a method for each handler of the service. */
  serviceClient(service: { readonly name: string }): unknown;
}
interface Restate {
  service(definition: { readonly name: string; readonly handlers: Handlers }): object;
  workflow(definition: { readonly name: string; readonly handlers: Handlers }): object;
  endpoint(): Endpoint;
}
interface Endpoint {
  bind(definition: object): Endpoint;
  http2Handler(): (request: Http2ServerRequest, response: Http2ServerResponse) => void;
}

interface Clients {
  readonly stock: { readonly reserve: Called<null>; readonly release: Called<null> };
  readonly payments: { readonly charge: Called<null>; readonly refund: Called<null> };
  readonly warehouse: { readonly allocate: Called<boolean> };
}

const input = JSON.parse(process.argv[2] ?? '{}') as RestateInput;
const restate = createRequire(join(input.folder, 'package.json'))('@restatedev/restate-sdk') as Restate;
const steps = localSteps(input.databaseUrl, input.providerUrl);

/** Layout A: each step is a journaled action of the workflow. */
function inProcess(context: Context): Clients {
  const action =
    <T>(name: keyof Steps, step: Called<T>): Called<T> =>
    (order) =>
      context.run(name, () => step(order));
  return {
    stock: { reserve: action('reserve', steps.reserve), release: action('release', steps.release) },
    payments: { charge: action('charge', steps.charge), refund: action('refund', steps.refund) },
    warehouse: { allocate: action('allocate', steps.allocate) },
  };
}

/** Layout B: each step is a call of another service, through Restate. The services below have these handlers. */
function remote(context: Context): Clients {
  return {
    stock: context.serviceClient({ name: 'stock' }) as Clients['stock'],
    payments: context.serviceClient({ name: 'payments' }) as Clients['payments'],
    warehouse: context.serviceClient({ name: 'warehouse' }) as Clients['warehouse'],
  };
}

function workflow(clientsOf: (context: Context) => Clients): object {
  const run = async (context: Context, order: Order): Promise<void> => {
    const { stock, payments, warehouse } = clientsOf(context);
    await stock.reserve(order);
    await payments.charge(order);
    if (await warehouse.allocate(order)) {
      await context.run('notify', () => steps.end(order, 'completed'));
      return;
    }
    await payments.refund(order);
    await stock.release(order);
    await context.run('end', () => steps.end(order, 'refused'));
  };
  return restate.workflow({ name: 'order', handlers: { run } });
}

function service(name: string, handlers: Readonly<Record<string, Called<unknown>>>): object {
  const journaled = Object.entries(handlers).map(
    ([handler, step]) =>
      [handler, (context: Context, order: Order) => context.run(handler, () => step(order))] as const,
  );
  return restate.service({ name, handlers: Object.fromEntries(journaled) });
}

function definition(): object {
  const { reserve, release, charge, refund, allocate } = steps;
  switch (input.role) {
    case 'all':
      return workflow(inProcess);
    case 'orders':
      return workflow(remote);
    case 'stock':
      return service('stock', { reserve, release });
    case 'payments':
      return service('payments', { charge, refund });
    case 'warehouse':
      return service('warehouse', { allocate });
  }
}

createServer(restate.endpoint().bind(definition()).http2Handler()).listen(input.port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
