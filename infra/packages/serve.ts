/**
 * Serves the packed packages on loopback until Ctrl-C, as if they were published: `make registry`. What npm asks for besides
 * comes from its own registry.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { runServices } from '@convergekit/core';
import { packedRegistry } from './registry.ts';
import { packAll } from './stage.ts';
import { root } from './workspaces.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '4873' } } });
const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: root });
const packed = await packAll(join(root, '.converge/registry'));
const { server, url } = packedRegistry(packed, stdout.trim(), Number(values.port));
await runServices([server], {
  stopDeadlineMs: 5_000,
  onReady: () =>
    void process.stdout.write(
      `${packed.length} packages of version ${packed[0]?.version ?? ''}; in the terminal that installs them:\n\n  export npm_config_registry=${url()}\n\nCtrl-C ends it\n`,
    ),
});
process.exit();
