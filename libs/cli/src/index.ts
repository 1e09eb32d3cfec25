/**
 * The `converge` command, as a function. `run(argv)` resolves with the exit code and never rejects; data goes to
 * stdout, everything else to stderr; an expected failure is one line that says what, why and the next step.
 * The sidecar services are this function with fixed arguments.
 */
export { run } from './frame/run.ts';
export { DUTIES, type Duty, roleSql } from './commands/roles/role-files.ts';
