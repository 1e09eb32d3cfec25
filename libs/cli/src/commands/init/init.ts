import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { argument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { version } from '../../frame/version.ts';
import { scaffoldFile, type ScaffoldFile, serviceName } from './scaffold.ts';

const template = fileURLToPath(new URL('../../../templates/service/', import.meta.url));

/** Writes a small service into a new folder. */
export const initCommand = command({
  name: 'init',
  summary: 'write a small service to start from into a new folder',
  args: { name: argument('the name of the service and of its folder, such as demo-service', nameOf) },
  run: (_context, { name }) => {
    const folder = resolve(name);
    if (existsSync(folder) && readdirSync(folder).length > 0)
      throw new UsageError(
        'FOLDER_TAKEN',
        `the folder ${folder} is not empty, and nothing was written: choose another name, or remove the folder`,
      );
    const files = templateFiles().map((file) => scaffoldFile(file, { name, version: version() }));
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
        '  npm test        # on a real Postgres, which comes from npm',
        '  npm run dev     # Postgres, migrations, the service; README.md has the next steps',
      ]),
    );
  },
});

function nameOf(given: string): string {
  if (serviceName.test(given) && given.length <= 50) return given;
  throw new InvalidArgumentError('It must be lower-case letters, digits and single dashes, at most 50');
}

function templateFiles(): readonly ScaffoldFile[] {
  return globSync('**/*', { cwd: template })
    .filter((path) => statSync(join(template, path)).isFile())
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(template, path), 'utf8') }));
}
