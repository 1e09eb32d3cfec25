import { fileURLToPath } from 'node:url';
import { checkSchemas, writeSchemas } from '@convergekit/contracts/operate';
import { checkGraphs, writeGraphs } from './graph-pages.ts';
import { placeOrder, shopEvents, transferEvents, transferMoney } from './index.ts';

/**
 * Writes or checks the generated schemas and graphs.
 * `write` generates schemas/json, schemas/asyncapi.json and the graphs in docs/sagas from the definitions; `check` reports
 * differences and fails.
 */
const folder = fileURLToPath(new URL('..', import.meta.url));
const events = [...shopEvents, ...transferEvents];
const info = { title: 'The samples of Converge', version: '1.0.0' };
const sagas = [placeOrder.declaration, transferMoney.declaration];
const pages = fileURLToPath(new URL('../../docs/sagas', import.meta.url));
const [command] = process.argv.slice(2);

switch (command) {
  case 'write': {
    const written = [...(await writeSchemas(events, folder, info)), ...(await writeGraphs(sagas, pages))];
    process.stdout.write(`${written.length} files written\n`);
    break;
  }
  case 'check': {
    const changes = await checkSchemas(events, folder, info);
    for (const { kind, type, version, path, reason, fix } of changes)
      process.stderr.write(
        `${kind}: ${type} v${version}${path === '' ? '' : ` ${path}`}: ${reason}; ${fix}\n`,
      );
    const stale = await checkGraphs(sagas, pages);
    for (const line of stale) process.stderr.write(`${line}\n`);
    process.exitCode = changes.length + stale.length === 0 ? 0 : 1;
    break;
  }
  default:
    process.stderr.write('name a command: write | check\n');
    process.exitCode = 78;
}
