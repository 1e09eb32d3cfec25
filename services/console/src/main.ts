/** The process of the console: in the image, and by `make console`. */
import { runConsole } from './run-console.ts';

await runConsole(process.argv[2]);
