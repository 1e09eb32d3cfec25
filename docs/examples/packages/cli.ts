import { converge } from 'convergekit/process';

// A relay as a process of its own: the command with fixed arguments. Settings come from the environment.
process.exitCode = await converge(['relay']);
