import {
  classify,
  deadlineHeaders,
  httpAnswer,
  operation,
  type OperationGuards,
  type Policy,
  readDeadline,
} from '@convergekit/resilience';
import { DEADLINE_HEADER } from '@convergekit/resilience/engine';
import { serve, type Served } from './server.ts';

/** Starts a service in the middle: answers after the next service, and passes the caller's deadline on. */
export function startHop(
  name: string,
  next: string,
  guards: OperationGuards,
  policy?: Policy,
): Promise<Served> {
  const callNext = operation<undefined, undefined>({
    name,
    idempotency: 'idempotent',
    ...(policy === undefined ? {} : { policy }),
    call: async (_, { signal, deadline }) => {
      const answer = await fetch(next, { signal, headers: deadlineHeaders(deadline) });
      await answer.arrayBuffer();
      if (!answer.ok)
        throw Object.assign(new Error('refused'), { status: answer.status, headers: answer.headers });
      return undefined;
    },
  });
  return serve((request, response) => {
    const text = request.headers[DEADLINE_HEADER];
    const deadline = readDeadline(typeof text === 'string' ? text : undefined);
    callNext.run(undefined, { ...guards, deadline }).then(
      () => response.writeHead(200).end(),
      (error: unknown) => {
        const { status, headers } = httpAnswer(classify(error));
        response.writeHead(status, headers).end();
      },
    );
  });
}
