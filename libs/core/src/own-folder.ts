/**
 * Locates a folder of files that a package of the kit brings along, such as its SQL: `libs/<name>/<folder>/` in the repository,
 * `<folder>/<name>/` in the published package, where the code of all packages is in `dist`.
 */
export function ownFolder(name: string, folder: string, module: string = import.meta.url): URL {
  return new URL(module.endsWith('.ts') ? `../../${name}/${folder}/` : `../${folder}/${name}/`, module);
}
