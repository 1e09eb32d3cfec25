/** The package @convergekit/console: the console as a process, and as a handler for an application's own path. */
export { type ConsoleHandler } from './console.ts';
export { consoleHandler, type ConsoleSettings } from './console-handler.ts';
export { runConsole } from './run-console.ts';
export type { ConsolePerson } from './security/identify.ts';
