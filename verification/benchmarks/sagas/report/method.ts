/** The method of the saga case, as Markdown. */
export const METHOD = `The order: reserve (one row, compensatable), charge (HTTP on loopback to a provider that takes 5 ms and keeps a ledger by idempotency key),
allocate (one row, the pivot; one order of ten is too large and is refused), notify (one row, retriable). A refused order is refunded, then its stock is released.
**Layout A** is one process and one database, **layout B** four services as four processes with four databases. Converge: each process has its relay, saga worker
and consumers, every setting default; orders come by HTTP with an idempotency key, and start the saga by \`outbox.transaction\`. By hand: what a user would write without a kit,
an outbox, a table of processed events, a relay that polls and is woken in its process, kafkajs; one transaction an event, without retries, parking or an order of compensation (batched: one statement a batch). DBOS: a workflow under the order's id, its tables in the
database of the orders, each step one statement that may be repeated; in B its workflow calls three plain HTTP services. Restate: a workflow under the order's id, started by its ingress; in A the steps are journaled actions, in B handlers
of four services; server with its defaults, on loopback, telemetry off.

An order has ended when another session sees its row in \`order_end\`; that session looks every 2 ms, the same for all sides; its statements and its server process are left out. Loads, in turn: one after the other
(none refused), open loop at 20/s and 50/s (latency counts from when the order was to be placed, not from when it was), then 32 and 128 at once; the first fifth of each is left out of rates and latencies. The use of a load is
read before it and after its last order has ended, idle polls included, and divided by its sagas (for the figures of a saga alone, the reading is 11 s later, when idle sessions have reported their transactions, and the idle statements and transactions of the same time are subtracted): statements by pg_stat_statements (top level), transactions (commits and rollbacks) by pg_stat_database, WAL by the server's position,
CPU time from /proc of all processes of the side, with Kafka's JVM and all of Postgres, without the provider and the measuring process. Restate's journal and Kafka's log are not in the WAL. Memory is resident
memory at the end of the load, shared pages divided among the processes that share them. Sides take turns, each with fresh databases, topics and processes; each round begins with another side. A round before the first counts for nothing: until Kafka's JVM has compiled its code, an event costs it three to six times as much. Kafka runs, idle, beside the sides that do not use it.

The kill drill: orders are placed until 1,000 are in flight (a fast side may end them sooner: the table has the number), a worker gets SIGKILL (in B the service of the payments), and is started
again after 1 s. Requests without an answer are repeated under their id. After each run every order's money (the provider's ledger) and stock (SQL) are judged; a contradiction on a side of the kit fails the benchmark.`;
