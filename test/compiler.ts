import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../infra/packages/workspaces.ts';

/** Modules that are in memory alone, by the paths that they would have. */
export type Modules = ReadonlyMap<string, string>;

/** An error of the compiler in a module; `line` counts from 0. */
export interface CompileError {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** The files of the tree and its packages that were parsed: programs share them. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** Compiles files and modules with the settings of the tree. */
export function programOf(files: readonly string[], modules: Modules = new Map()): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) =>
    readFileSync(path, 'utf8'),
  ) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noEmit: true }, root);
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    getSourceFile: (path, language, ...rest) => {
      const text = modules.get(path);
      if (text !== undefined) return ts.createSourceFile(path, text, language);
      if (!parsed.has(path)) parsed.set(path, disk.getSourceFile(path, language, ...rest));
      return parsed.get(path);
    },
    fileExists: (path) => modules.has(path) || disk.fileExists(path),
    readFile: (path) => modules.get(path) ?? disk.readFile(path),
  };
  return ts.createProgram(files, options, host);
}

/** Lists the errors of modules in memory, in their order. */
export function compileErrors(modules: Modules): readonly CompileError[] {
  const program = programOf([...modules.keys()], modules);
  return [...modules.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ start = 0, messageText }) => ({
        path,
        line: source?.getLineAndCharacterOfPosition(start).line ?? -1,
        text: ts.flattenDiagnosticMessageText(messageText, '\n'),
      }),
    );
  });
}
