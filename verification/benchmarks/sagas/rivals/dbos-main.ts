/**
 * The order saga as a DBOS workflow: all in one process (layout A), or the service of the orders, which calls the
 * others by HTTP (layout B). Its input is JSON in the first argument.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Order, orderSchema } from '../order.ts';
import { serve } from './serve.ts';
import { localSteps, remoteSteps, type ServiceUrls } from './steps.ts';

export interface DbosInput {
  /** The folder where the rivals are installed. */
  readonly folder: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly port: number;
  /** The other services, in layout B. */
  readonly services?: ServiceUrls;
}

type Workflow = (order: Order) => Promise<unknown>;

/** The part of DBOS that is used here, as its documentation describes it. */
interface Dbos {
  readonly DBOS: {
    setConfig(config: Readonly<Record<string, string>>): void;
    launch(): Promise<void>;
    registerWorkflow(work: Workflow, options: { readonly name: string }): Workflow;
    startWorkflow(workflow: Workflow, options: { readonly workflowID: string }): Workflow;
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
const local = localSteps(input.databaseUrl, input.providerUrl);
const steps = input.services === undefined ? local : remoteSteps(input.services, local);
/** A call of another process may fail: up to ten attempts, from one second on, doubled each time. */
const external = (name: string): StepOptions => ({ name, retriesAllowed: true, maxAttempts: 10 });

const placeOrder = DBOS.registerWorkflow(
  async (order: Order): Promise<void> => {
    await DBOS.runStep(() => steps.reserve(order), external('reserve'));
    await DBOS.runStep(() => steps.charge(order), external('charge'));
    const allocated = await DBOS.runStep(() => steps.allocate(order), external('allocate'));
    if (allocated) {
      await DBOS.runStep(() => steps.end(order, 'completed'), { name: 'notify' });
      return;
    }
    await DBOS.runStep(() => steps.refund(order), external('refund'));
    await DBOS.runStep(() => steps.release(order), external('release'));
    await DBOS.runStep(() => steps.end(order, 'refused'), { name: 'end' });
  },
  { name: 'placeOrder' },
);

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: input.databaseUrl,
  logLevel: 'warn',
  // Workflows of another version are not recovered; by default it is a hash of the code.
  applicationVersion: '1',
});
await DBOS.launch();

serve(input.port, async (body) => {
  const order = orderSchema.parse(body);
  // The id makes a repeat the same workflow.
  await DBOS.startWorkflow(placeOrder, { workflowID: order.orderId })(order);
  return { status: 201 };
});
