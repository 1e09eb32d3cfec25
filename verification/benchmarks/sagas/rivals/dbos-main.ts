/** The order saga as a DBOS workflow in one process (layout A). Its input is JSON in the first argument. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Order, orderSchema } from '../order.ts';
import { localSteps } from './steps.ts';

/** The input of the process. */
export interface DbosInput {
  /** The folder where the rivals are installed. */
  readonly folder: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly port: number;
}

/** The part of DBOS that is used here, as its documentation describes it. */
interface Dbos {
  readonly DBOS: {
    setConfig(config: {
      readonly name: string;
      readonly systemDatabaseUrl: string;
      readonly logLevel: string;
      /** Workflows of another version are not recovered; by default it is a hash of the code. */
      readonly applicationVersion: string;
    }): void;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
    registerWorkflow<T>(
      work: (order: Order) => Promise<T>,
      options: { readonly name: string },
    ): (order: Order) => Promise<T>;
    startWorkflow<T>(
      workflow: (order: Order) => Promise<T>,
      options: { readonly workflowID: string },
    ): (order: Order) => Promise<unknown>;
    runStep<T>(step: () => Promise<T>, options: StepOptions): Promise<T>;
  };
}

interface StepOptions {
  readonly name: string;
  readonly retriesAllowed?: boolean;
  readonly maxAttempts?: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as DbosInput;
const { DBOS } = createRequire(join(input.folder, 'package.json'))('@dbos-inc/dbos-sdk') as Dbos;
const steps = localSteps(input.databaseUrl, input.providerUrl);
const external = (name: string): StepOptions => ({ name, retriesAllowed: true, maxAttempts: 10 });

const placeOrder = DBOS.registerWorkflow(
  async (order: Order): Promise<void> => {
    await DBOS.runStep(() => steps.reserve(order), { name: 'reserve' });
    await DBOS.runStep(() => steps.charge(order), external('charge'));
    const allocated = await DBOS.runStep(() => steps.allocate(order), { name: 'allocate' });
    if (allocated) {
      await DBOS.runStep(() => steps.end(order, 'completed'), { name: 'notify' });
      return;
    }
    await DBOS.runStep(() => steps.refund(order), external('refund'));
    await DBOS.runStep(() => steps.release(order), { name: 'release' });
    await DBOS.runStep(() => steps.end(order, 'refused'), { name: 'end' });
  },
  { name: 'placeOrder' },
);

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: input.databaseUrl,
  logLevel: 'warn',
  applicationVersion: '1',
});
await DBOS.launch();

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200).end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const order = orderSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    // The id makes a repeat the same workflow.
    DBOS.startWorkflow(placeOrder, { workflowID: order.orderId })(order).then(
      () => response.writeHead(201).end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
});
server.listen(input.port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
