/**
 * A service of layout B beside DBOS: POST /<step> with an order runs the step, and a repeat takes effect once. Its
 * input is JSON in the first argument.
 */
import { orderSchema } from '../order.ts';
import { serve } from './serve.ts';
import { localSteps, remoteStepNames } from './steps.ts';

export interface ServiceInput {
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly port: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as ServiceInput;
const steps = localSteps(input.databaseUrl, input.providerUrl);

serve(input.port, async (body, path) => {
  const step = remoteStepNames.find((name) => path === `/${name}`);
  if (step === undefined) return { status: 404 };
  return { status: 200, body: await steps[step](orderSchema.parse(body)) };
});
