import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownFolder } from '@convergekit/core/engine';
import { InvalidArgumentError } from 'commander';
import { command } from '../../frame/command.ts';
import { UsageError } from '@convergekit/operate/errors';
import { argument, choice } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { version } from '../../version.ts';
import { scaffoldFile, type ScaffoldFile, serviceName } from './scaffold.ts';

const templates = fileURLToPath(ownFolder('cli', 'templates'));
const TEMPLATES = ['service', 'minimal', 'two-services'] as const;

/** Writes a small service, or two that exchange events, into a new folder. */
export const initCommand = command({
  name: 'init',
  summary: 'write a small service, or two, to start from into a new folder',
  args: { name: argument('the name of the service and of its folder, such as demo-service', nameOf) },
  flags: {
    template: choice(
      'what to write: a service with an HTTP API, a saga and tests; one file; or two services that exchange events',
      TEMPLATES,
    ),
  },
  run: (_context, { name, template }) => {
    const folder = resolve(name);
    if (existsSync(folder) && readdirSync(folder).length > 0)
      throw new UsageError(
        'FOLDER_TAKEN',
        `the folder ${folder} is not empty, and nothing was written: choose another name, or remove the folder`,
      );
    const files = templateFiles(join(templates, template)).map((file) =>
      scaffoldFile(file, { name, version: version() }),
    );
    for (const { path, text } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return Promise.resolve(
      result({ folder, files: files.map(({ path }) => path) }, () => [
        `wrote ${files.length} files into ${folder}`,
        '',
        `  cd ${name}`,
        '  npm install',
        ...(template !== 'minimal' ? ['  npm test        # on a real Postgres, which comes from npm'] : []),
        '  npm run dev     # Postgres, migrations, what you wrote here; README.md has the next steps',
      ]),
    );
  },
});

function nameOf(given: string): string {
  if (serviceName.test(given) && given.length <= 50) return given;
  throw new InvalidArgumentError('It must be lower-case letters, digits and single dashes, at most 50');
}

function templateFiles(folder: string): readonly ScaffoldFile[] {
  return globSync('**/*', { cwd: folder })
    .filter((path) => statSync(join(folder, path)).isFile())
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}
