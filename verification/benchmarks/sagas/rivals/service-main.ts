/**
 * A service of layout B beside DBOS: POST /<step> with an order runs the step, and a repeat takes effect once. Its
 * input is JSON in the first argument.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readOrder } from './http-body.ts';
import { localSteps, type RemoteStep, remoteStepNames } from './steps.ts';

/** The input of the process. */
export interface ServiceInput {
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly port: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as ServiceInput;
const steps = localSteps(input.databaseUrl, input.providerUrl);

createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
}).listen(input.port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const step = stepOf(request.url);
  if (request.method === 'GET' || step === undefined) {
    response.writeHead(request.method === 'GET' ? 200 : 404).end();
    return;
  }
  const result = await steps[step](await readOrder(request));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
}

function stepOf(url: string | undefined): RemoteStep | undefined {
  return remoteStepNames.find((name) => url === `/${name}`);
}
