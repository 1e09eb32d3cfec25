/** A file of the scaffold: its path inside the new folder, and its text. */
export interface ScaffoldFile {
  readonly path: string;
  readonly text: string;
}

export interface Named {
  /** The name of the service: `demo-service`. */
  readonly name: string;
  /** The version of the kit that the service installs. */
  readonly version: string;
}

/** The name that the template has; it is a service itself, so that it is compiled and tested. */
const TEMPLATE_NAME = 'my-service';
const TEMPLATE_CONSTANT = 'myService';

/** Turns a file of the template into one of the service (pure). `_` hides a file from npm and tools in the template. */
export function scaffoldFile(file: ScaffoldFile, { name, version }: Named): ScaffoldFile {
  const path = file.path
    .replace(/^_(?=package\.json$|tsconfig\.json$|eslint\.config\.js$)/, '')
    .replace(/^_/, '.');
  const text = file.text.replaceAll(TEMPLATE_NAME, name).replaceAll(TEMPLATE_CONSTANT, constantOf(name));
  if (path !== 'package.json') return { path, text };
  return {
    path,
    text: text.replaceAll(/("(?:convergekit|@convergekit\/\w+)": )"0\.0\.0"/g, `$1"${version}"`),
  };
}

/** Spells a name as a constant: `demo-service` → `demoService`. A name that is a word of the language gets a suffix. */
function constantOf(name: string): string {
  const camel = name.replace(/[.-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return camel.endsWith('Service') ? camel : `${camel}Service`;
}

/** The names that a service, a Kafka topic and an npm package may have. */
export const serviceName = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
