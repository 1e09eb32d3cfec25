/**
 * The `converge` command as a function. `run(argv)` resolves with the exit code and never rejects; data goes to
 * stdout, everything else to stderr. The sidecar services are this function with fixed arguments.
 */
export { converge } from './frame/run.ts';
