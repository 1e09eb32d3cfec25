import { checkSchemas, writeSchemas } from '@converge/contracts';
import { shopEvents } from './index.ts';

/** `node schemas/src/main.ts write|check`: the shop's JSON Schemas and AsyncAPI document, as committed beside it. */
const directory = new URL('..', import.meta.url).pathname;
const info = { title: 'Converge demo shop', version: '1.0.0' };

switch (process.argv[2]) {
  case 'write': {
    for (const file of await writeSchemas(shopEvents, directory, info)) process.stdout.write(`${file}\n`);
    break;
  }
  case 'check': {
    const changes = await checkSchemas(shopEvents, directory, info);
    for (const { kind, type, version, path, reason, fix } of changes)
      process.stderr.write(`schemas: ${kind}: ${type} v${version} ${path}: ${reason}; ${fix}\n`);
    process.exitCode = changes.length === 0 ? 0 : 1;
    break;
  }
  default:
    process.stderr.write('usage: node schemas/src/main.ts write|check\n');
    process.exitCode = 78;
}
