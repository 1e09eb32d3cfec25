import { readdir, readFile, writeFile } from 'node:fs/promises';
import { checkGraph, drawSaga, type SagaDeclaration } from '@convergekit/saga/declare';

const DRAWING = /```mermaid\n[\s\S]*?\n```/;
/** Pages of that folder that belong to no saga. */
const OTHER_PAGES = ['fence.md'];

/** Writes the graph of each saga into its page, `<name>.md`. The text around it stays. */
export async function writeGraphs(
  declarations: readonly SagaDeclaration[],
  folder: string,
): Promise<readonly string[]> {
  checkGraph(declarations);
  const written: string[] = [];
  for (const declaration of newestOf(declarations)) {
    const path = `${folder}/${declaration.name}.md`;
    const page = await readFile(path, 'utf8').catch(() => `# The saga ${declaration.name}\n\n${fence('')}\n`);
    await writeFile(
      path,
      page.replace(DRAWING, () => fence(drawSaga(declaration))),
    );
    written.push(path);
  }
  return written;
}

/** Checks the pages against the declared sagas. Returns the differences in words. */
export async function checkGraphs(
  declarations: readonly SagaDeclaration[],
  folder: string,
): Promise<readonly string[]> {
  checkGraph(declarations);
  const newest = newestOf(declarations);
  const pages = await readdir(folder);
  const strangers = pages.filter(
    (page) => !OTHER_PAGES.includes(page) && !newest.some(({ name }) => page === `${name}.md`),
  );
  const stale = [];
  for (const declaration of newest) {
    const page = await readFile(`${folder}/${declaration.name}.md`, 'utf8').catch(() => '');
    if (!page.includes(fence(drawSaga(declaration)))) stale.push(declaration.name);
  }
  return [
    ...stale.map((name) => `${folder}/${name}.md does not show the saga as it is declared: run make schemas`),
    ...strangers.map((page) => `${folder}/${page} belongs to no declared saga: remove it`),
  ];
}

function fence(graph: string): string {
  return `\`\`\`mermaid\n${graph}\n\`\`\``;
}

function newestOf(declarations: readonly SagaDeclaration[]): readonly SagaDeclaration[] {
  return declarations.filter(({ name, version }) =>
    declarations.every((other) => other.name !== name || other.version <= version),
  );
}
