/** The package @convergekit/console: the console as a process. */
export { runConsole } from './run-console.ts';
