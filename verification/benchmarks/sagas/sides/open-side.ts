import type { Owner } from '../business-sql.ts';
import type { Order } from '../order.ts';
import { connectTo, dropDatabases, type Urls } from './databases.ts';
import type { RestartableProcess } from './processes.ts';
import type { OpenSide, SagaPlace } from './side.ts';

export interface Opening {
  /** In the order of their start. */
  readonly processes: readonly RestartableProcess[];
  /** The one that the kill drill ends. */
  readonly killed: RestartableProcess | undefined;
  readonly urls: Urls<Owner>;
  readonly place: (order: Order) => Promise<void>;
  /** Called when all processes run. @default nothing */
  readonly onStarted?: () => Promise<void>;
  /** Called when all processes have ended. @default nothing */
  readonly onStopped?: () => Promise<void>;
}

/** Starts the processes of a side; what was started is removed with the side, or by the clean-up of the run. */
export async function openSide(
  { serverUrl, cleanup }: SagaPlace,
  { processes, killed, urls, place, onStarted, onStopped }: Opening,
): Promise<OpenSide> {
  cleanup.throwIfClosed();
  if (killed === undefined) throw new Error('the process to kill is none of the processes');
  const remove = cleanup.add(async () => {
    await Promise.all(processes.map((one) => one.stop()));
    await dropDatabases(serverUrl, urls);
    await onStopped?.();
  });
  try {
    await Promise.all(processes.map((one) => one.start()));
    await onStarted?.();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    processes,
    worker: killed,
    place,
    connect: (owner) => connectTo(urls[owner]),
    assertAlive: () => {
      for (const one of processes) one.assertAlive();
    },
    remove,
  };
}
