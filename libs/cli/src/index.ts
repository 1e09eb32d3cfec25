/**
 * The `converge` command, as a function. `run(argv)` resolves with the exit code and never rejects; data goes to
 * stdout, everything else to stderr; an expected failure is one line that says what, why and the next step.
 * The sidecar services are this function with fixed arguments.
 */
export { run } from './run.ts';
export { DUTIES, type Duty, roleSql } from './roles/role-files.ts';
