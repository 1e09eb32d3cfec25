import { fileURLToPath } from 'node:url';
import { freePorts } from '../../../demo/process/ports.ts';
import type { DbosInput } from '../rivals/dbos-main.ts';
import { makeDatabases } from './databases.ts';
import { openSide } from './open-side.ts';
import { placeAt } from './place.ts';
import { answers, RestartableProcess } from './processes.ts';
import type { SagaSide } from './side.ts';

const MAIN = fileURLToPath(new URL('../rivals/dbos-main.ts', import.meta.url));

/** DBOS in one process; its own tables are in the database of the business rows. */
export function dbos(folder: string): SagaSide {
  return {
    name: 'DBOS A',
    layout: 'A',
    ours: false,
    kafka: false,
    open: async (place) => {
      const urls = await makeDatabases(place.serverUrl, ['orders', 'stock', 'warehouse'], true);
      const [port = 0] = await freePorts(1);
      const input: DbosInput = { folder, databaseUrl: urls.orders, providerUrl: place.providerUrl, port };
      const url = `http://127.0.0.1:${port}`;
      const worker = new RestartableProcess(
        {
          name: 'dbos',
          group: 'node',
          command: process.execPath,
          args: ['--conditions=source', MAIN, JSON.stringify(input)],
          env: { NODE_OPTIONS: '', NODE_ENV: 'production' },
          ready: answers(`${url}/ready`),
        },
        place.folder,
      );
      return openSide(place, {
        processes: [worker],
        worker: worker.worker,
        urls,
        place: placeAt(`${url}/orders`),
      });
    },
  };
}
