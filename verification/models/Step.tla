-------------------------------- MODULE Step --------------------------------
(***************************************************************************)
(* The design of the step and its work: one row a step, a small queue, one *)
(* slice. A run is a chain of steps; each is done by a local transaction   *)
(* or by a call to another system, and undone in reverse. Workers hold     *)
(* leases on the clock of the database, may freeze, and wake up late.      *)
(* Events are delivered again at any time. Left out: workflows and their   *)
(* scopes, quotas, back-off, several runs.                                 *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Last,         \* The steps are 1..Last.
  External,     \* The steps that call another system; the others are local.
  Pivot,        \* The step that a cancellation meets; 0: none
  JoinStep,     \* The local step that waits for both members; 0: none
  Worker, NoWorker,
  Places,       \* The concurrency of a process.
  MaxTime, MaxTerm, MaxPauses, MaxActs,
  MayReject,    \* A step may be rejected.
  MayLate,      \* A step has a deadline of its own.
  MaySweep,     \* The run leaves by retention.
  MayRepeat,    \* Slices with steps that exist are sent, and refused.
  CanQuery,     \* The other system can be asked what became of a call.
  KeepJournal,
  \* Guards: "ok" is the design, any other value takes the guard out.
  Undo,         \* "turns": it turns the work while the call is in flight; "frees": it ends the lease
  Bound,        \* "answer": a born call's time counts from the answer to COMMIT
  Conflict,     \* "ignored": a step that exists does not refuse the slice
  Operator,     \* "term": an operator's act keeps the term; "early": it states an outcome while the call may still arrive
  Join,         \* "unlocked": the members are read without a lock
  Timer,        \* "run": the deadline of the run looks at the run's row alone
  Answered,     \* "ready": an outcome that could not be recorded makes the work ready
  Sweep,        \* "early": the rows leave before the horizon is committed; "at_once": beside transactions that began before it
  Withdraw,     \* "step": a withdrawn timer takes all due work of its step along
  Place,        \* "twice": a rolled back slice gives its place back twice
  Pause,        \* "claim": a born claim does not look for a pause; "unwaited": a pause is known while older closes are on their way
  Janitor,      \* "ready": the work of an ended holder is ready again, whatever it was
  Holder,       \* "revived": a renewal brings an ended holder back; "untested": a claim or a birth does not lock its holder
  Order,        \* "failure": every earlier step is undone at once
  Journal,      \* "moves": only decisions that change the state are written
  Query,        \* "early": "not found" is final at once
  Stuck         \* "deleted": the work of a stuck step leaves, and comes back as new

VARIABLES
  now,
  row,          \* Step -> [state, seq, journal, stuck]
  run,          \* [cancelled, timer, horizon, swept]: the row '' of the run.
  work,         \* Step -> [op, state, holder, term, due, final]
  timer,        \* Step -> BOOLEAN: the deadline of the step is due some time.
  holder,       \* Worker -> [alive, ends, until]: its lease, and the end of it by its own clock.
  hand,         \* Worker -> Step -> [op, found, term, bound, phase, gen, paused]
  born,         \* Worker -> [step, asked, due, phase, below, free]: a close on its way, and what its snapshots say of horizon and pause.
  busy,         \* Worker -> places that are taken.
  flight,       \* Requests on their way: [step, op, bound, worker]
  effect,       \* Step -> [call, undo]: what really happened.
  events,       \* Emitted events: <<kind, step>>
  joined, joining,
  paused,       \* "no", "asked": committed, "known": to the operator, too.
  spent,
  gen,          \* Step -> the number of its claims and acts: what a term has to tell apart.
  known,        \* Steps whose outcome was recorded as applied: ghost.
  wrong         \* Names of invariants that an action has broken: ghost.

steps == <<row, run, events, effect, joined, joining, known>>
queue == <<work, timer, gen>>
processes == <<holder, hand, born, busy>>
vars == <<now, steps, queue, processes, flight, paused, spent, wrong>>

Steps == 1..Last
Members == {"a", "b"}
Lease == 1
Call == 2

NoWork == [op |-> "none", state |-> "none", holder |-> NoWorker, term |-> 0, due |-> 0, final |-> 0]
NoHand == [op |-> "none", found |-> "none", term |-> 0, bound |-> 0, phase |-> "idle", gen |-> 0, paused |-> FALSE]
NoBirth == [step |-> 0, asked |-> 0, due |-> 0, phase |-> "idle", below |-> FALSE, free |-> FALSE]

Init ==
  /\ now = 0
  /\ row = [s \in Steps |-> [state |-> "absent", seq |-> 0, journal |-> <<>>, stuck |-> FALSE]]
  /\ run = [cancelled |-> FALSE, timer |-> IF Pivot # 0 THEN "due" ELSE "gone", horizon |-> FALSE, swept |-> FALSE]
  /\ work = [s \in Steps |-> NoWork]
  /\ timer = [s \in Steps |-> FALSE]
  /\ holder = [w \in Worker |-> [alive |-> TRUE, ends |-> Lease, until |-> Lease]]
  /\ hand = [w \in Worker |-> [s \in Steps |-> NoHand]]
  /\ born = [w \in Worker |-> NoBirth]
  /\ busy = [w \in Worker |-> 0]
  /\ flight = {}
  /\ effect = [s \in Steps |-> [call |-> 0, undo |-> 0]]
  /\ events = {}
  /\ joined = {}
  /\ joining = {}
  /\ paused = "no"
  /\ spent = [pauses |-> 0, acts |-> 0]
  /\ gen = [s \in Steps |-> 0]
  /\ known = {}
  /\ wrong = {}

---------------------------------------------------------------------------
\* The table of states: libs/saga/src/fence/fence.ts (decideFence), which the design keeps.

Open == {"started", "unknown", "stuck"}
Decide(state, trigger) ==
  CASE trigger = "begin" -> IF state = "absent" THEN "started" ELSE state
    [] trigger = "applied" -> IF state \in Open THEN "applied" ELSE state
    [] trigger = "rejected" -> IF state \in Open THEN "rejected" ELSE IF state = "undo_pending" THEN "undone" ELSE state
    [] trigger = "not_applied" ->
         IF state \in Open THEN "failed_not_applied" ELSE IF state = "undo_pending" THEN "undone" ELSE state
    [] trigger = "unknown" -> IF state = "started" THEN "unknown" ELSE state
    [] trigger = "stuck" -> IF state \in Open THEN "stuck" ELSE state
    [] trigger = "undo" ->
         IF state = "absent" THEN "tombstoned"
         ELSE IF state = "forgotten" \/ state \in Open \cup {"applied"} THEN "undo_pending" ELSE state
    [] trigger = "undone" -> IF state = "undo_pending" THEN "undone" ELSE state
    [] trigger = "cancel" -> IF state = "absent" THEN "tombstoned" ELSE state
    [] trigger = "deadline" -> IF state \in Open THEN "undo_pending" ELSE state

\* A decision that repeats the last one is counted in its entry.
Journaled(journal, trigger, isMove) ==
  IF ~KeepJournal \/ (Journal = "moves" /\ ~isMove) THEN journal
  ELSE IF journal # <<>> /\ journal[Len(journal)].trigger = trigger
  THEN [journal EXCEPT ![Len(journal)].count = @ + 1]
  ELSE Append(journal, [trigger |-> trigger, count |-> 1])

Written(r, trigger) ==
  LET state == Decide(r.state, trigger) IN
  [r EXCEPT !.state = state, !.seq = IF KeepJournal THEN @ + 1 ELSE @,
            !.journal = Journaled(@, trigger, state # r.state)]

RECURSIVE Replay(_, _)
Replay(journal, r) ==
  IF journal = <<>> THEN r
  ELSE LET entry == journal[1]
           next == [state |-> Decide(r.state, entry.trigger), seq |-> r.seq + entry.count]
       IN Replay(Tail(journal), next)

---------------------------------------------------------------------------
\* One slice: steps begin.

\* The event that a step waits for. It may be delivered again at any time, also when the run has left.
HasCause(s) == s = 1 \/ <<"success", s - 1>> \in events
IsForgotten(s) == run.horizon /\ row[s].state = "absent"
Again(s) == IF run.swept THEN {"I9"} ELSE {}
\* Without the guard a step that exists is written again, and its row stays.
MayBegin(s) == row[s].state = "absent" \/ Conflict = "ignored"
Begun(s, trigger) == IF row[s].state = "absent" THEN Written(Written(row[s], "begin"), trigger) ELSE row[s]
Ends(s) == IF s = Pivot /\ run.timer = "due" THEN [run EXCEPT !.timer = "gone"] ELSE run

\* "One slice", 2 and 3: a local step is one insert, with what its handler writes; a step that exists refuses the slice.
BeginLocal(s) ==
  /\ s \notin External
  /\ s # JoinStep
  /\ HasCause(s)
  /\ ~IsForgotten(s)
  /\ MayBegin(s)
  /\ row' = [row EXCEPT ![s] = Begun(s, "applied")]
  /\ effect' = [effect EXCEPT ![s].call = @ + 1]
  /\ events' = events \cup {<<"success", s>>}
  /\ known' = known \cup {s}
  /\ run' = Ends(s)
  /\ wrong' = wrong \cup Again(s)
  /\ UNCHANGED <<now, joined, joining, queue, processes, flight, paused, spent>>

\* "One slice", 2: the handler rejects, and has written nothing.
RejectLocal(s) ==
  /\ MayReject
  /\ s \notin External
  /\ s # JoinStep
  /\ HasCause(s)
  /\ ~IsForgotten(s)
  /\ row[s].state = "absent"
  /\ row' = [row EXCEPT ![s] = Begun(s, "rejected")]
  /\ events' = events \cup {<<"failure", s>>}
  /\ run' = Ends(s)
  /\ wrong' = wrong \cup Again(s)
  /\ UNCHANGED <<now, effect, joined, joining, known, queue, processes, flight, paused, spent>>

Due(op, term) == [NoWork EXCEPT !.op = op, !.state = "ready", !.term = term]

\* "A small queue": a call is a row that is ready, and the worker of this process is woken at commit.
BeginExternal(s) ==
  /\ s \in External
  /\ HasCause(s)
  /\ ~IsForgotten(s)
  /\ row[s].state = "absent"
  /\ row' = [row EXCEPT ![s] = Written(@, "begin")]
  /\ work' = [work EXCEPT ![s] = Due("call", 0)]
  /\ timer' = [timer EXCEPT ![s] = MayLate]
  /\ wrong' = wrong \cup Again(s)
  /\ UNCHANGED <<now, run, events, effect, joined, joining, known, gen, processes, flight, paused, spent>>

\* "Born claimed": a place is reserved, and the time counts, before the close is sent.
SendClose(w, s) ==
  /\ s \in External
  /\ HasCause(s)
  /\ row[s].state = "absent" \/ MayRepeat
  /\ born[w] = NoBirth
  /\ busy[w] < Places
  /\ now < holder[w].until
  /\ born' = [born EXCEPT ![w] = [NoBirth EXCEPT !.step = s, !.asked = now, !.phase = "sent", !.below = run.horizon]]
  /\ busy' = [busy EXCEPT ![w] = @ + 1]
  /\ UNCHANGED <<now, steps, queue, holder, hand, flight, paused, spent, wrong>>

\* "Born claimed": the close tests the pause, by a snapshot from before its COMMIT.
TestClose(w) ==
  /\ born[w].phase = "sent"
  /\ born' = [born EXCEPT ![w] = [@ EXCEPT !.phase = "tested", !.free = Pause = "claim" \/ paused = "no"]]
  /\ UNCHANGED <<now, steps, queue, holder, hand, busy, flight, paused, spent, wrong>>

\* "Born claimed": the close inserts the step and its work as its own process's; its holder is locked.
CommitClose(w) ==
  LET s == born[w].step
      isFree == born[w].free /\ (Holder # "untested" => holder[w].alive)
      due == now + Call
  IN
  /\ born[w].phase = "tested"
  /\ ~(born[w].below /\ row[s].state = "absent")
  /\ MayBegin(s)
  /\ hand[w][s] = NoHand
  /\ gen[s] = 0
  /\ row' = [row EXCEPT ![s] = IF @.state = "absent" THEN Written(@, "begin") ELSE @]
  /\ work' = [work EXCEPT ![s] = IF isFree
       THEN [op |-> "call", state |-> "calling", holder |-> w, term |-> 1, due |-> due, final |-> due]
       ELSE Due("call", 0)]
  /\ timer' = [timer EXCEPT ![s] = MayLate]
  /\ born' = [born EXCEPT ![w] = IF isFree THEN [@ EXCEPT !.phase = "committed", !.due = due] ELSE NoBirth]
  /\ busy' = [busy EXCEPT ![w] = IF isFree THEN @ ELSE @ - 1]
  /\ gen' = [gen EXCEPT ![s] = IF isFree THEN 1 ELSE 0]
  \* What a paused run gives birth to is a claim under a pause.
  /\ wrong' = wrong \cup Again(s)
  /\ hand' = IF isFree THEN [hand EXCEPT ![w][s] = [NoHand EXCEPT !.op = "call", !.found = "ready", !.term = 1, !.gen = 1,
                                                       !.phase = "born", !.paused = paused = "known"]]
             ELSE hand
  /\ UNCHANGED <<now, run, events, effect, joined, joining, known, holder, flight, paused, spent>>

\* "Born claimed": a slice that rolls back gives its place back.
RollBack(w) ==
  /\ born[w].phase \in {"sent", "tested"}
  /\ born' = [born EXCEPT ![w] = NoBirth]
  /\ busy' = [busy EXCEPT ![w] = IF Place = "twice" /\ @ > 1 THEN @ - 2 ELSE @ - 1]
  /\ UNCHANGED <<now, steps, queue, holder, hand, flight, paused, spent, wrong>>

\* "Born claimed": the answer to COMMIT; the call is bound by the time before the close was sent.
Answer(w) ==
  LET s == born[w].step IN
  /\ born[w].phase = "committed"
  /\ hand' = [hand EXCEPT ![w][s].phase = "claimed",
                          ![w][s].bound = (IF Bound = "answer" THEN now ELSE born[w].asked) + Call]
  /\ born' = [born EXCEPT ![w] = NoBirth]
  /\ UNCHANGED <<now, steps, queue, holder, busy, flight, paused, spent, wrong>>

---------------------------------------------------------------------------
\* "Joins": the upsert locks the row of the waiting step before the handler decides.

\* "Joins": the opening of a slice locks the row of the waiting step.
JoinOpen(m) ==
  /\ JoinStep # 0
  /\ m \notin {one.member : one \in joining}
  /\ Join = "ok" => joining = {}
  /\ m \notin joined
  /\ joining' = joining \cup {[member |-> m, seen |-> joined]}
  /\ UNCHANGED <<now, row, run, events, effect, joined, known, queue, processes, flight, paused, spent, wrong>>

\* "Joins": the member that completes the step begins it.
JoinClose ==
  \E one \in joining :
    LET seen == IF Join = "ok" THEN joined ELSE one.seen
        isComplete == seen \cup {one.member} = Members /\ row[JoinStep].state = "absent"
    IN
    /\ joined' = joined \cup {one.member}
    /\ joining' = joining \ {one}
    /\ row' = IF isComplete THEN [row EXCEPT ![JoinStep] = Begun(JoinStep, "applied")] ELSE row
    /\ effect' = IF isComplete THEN [effect EXCEPT ![JoinStep].call = @ + 1] ELSE effect
    /\ events' = IF isComplete THEN events \cup {<<"success", JoinStep>>} ELSE events
    /\ known' = IF isComplete THEN known \cup {JoinStep} ELSE known
    /\ UNCHANGED <<now, run, queue, processes, flight, paused, spent, wrong>>

---------------------------------------------------------------------------
\* Undo, cancellation, deadlines: they decide by the row of the step.

\* Strict reverse: what a step's undo waits for.
IsUndone(s) ==
  \/ <<"failure", s + 1>> \in events
  \/ <<"undone", s + 1>> \in events
  \/ Order = "failure" /\ \E later \in s + 1..Last : <<"failure", later>> \in events
Emitted(state, s) == IF state \in {"tombstoned", "undone", "rejected", "failed_not_applied"} THEN {<<"undone", s>>} ELSE {}
IsInFlight(s) == work[s].op = "call" /\ row[s].state \in Open

\* "A small queue": an undo of a step whose call is in flight writes only the step.
UndoStep(s) ==
  LET isForgotten == IsForgotten(s)
      from == IF isForgotten THEN [row[s] EXCEPT !.state = "forgotten", !.stuck = TRUE] ELSE row[s]
      pending == Written(from, "undo")
      isLocal == s \notin External /\ row[s].state = "applied"
      next == IF isLocal THEN Written(pending, "undone") ELSE pending
  IN
  /\ s < Last
  /\ IsUndone(s)
  /\ next.state # row[s].state \/ Emitted(next.state, s) \ events # {}
  /\ row' = [row EXCEPT ![s] = next]
  /\ effect' = IF isLocal THEN [effect EXCEPT ![s].undo = @ + 1] ELSE effect
  /\ events' = events \cup Emitted(next.state, s)
  /\ work' = [work EXCEPT ![s] =
       IF row[s].state = "applied" /\ s \in External THEN Due("undo", 0)
       ELSE IF ~IsInFlight(s) THEN @
       ELSE IF Undo = "turns" THEN Due("undo", @.term + 1)
       ELSE IF Undo = "frees" THEN [@ EXCEPT !.holder = NoWorker]
       ELSE @]
  /\ gen' = [gen EXCEPT ![s] = IF row[s].state = "applied" /\ s \in External THEN @ + 1 ELSE @]
  /\ UNCHANGED <<now, run, joined, joining, known, timer, processes, flight, paused, spent, wrong>>

\* "One row a step": a cancellation tombstones a pivot that has not begun, and is refused otherwise.
Cancel ==
  /\ Pivot # 0
  /\ row[Pivot].state = "absent"
  /\ ~run.horizon
  /\ row' = [row EXCEPT ![Pivot] = Written(@, "cancel")]
  /\ run' = [run EXCEPT !.cancelled = TRUE]
  /\ events' = events \cup {<<"failure", Pivot>>}
  /\ UNCHANGED <<now, effect, joined, joining, known, queue, processes, flight, paused, spent, wrong>>

\* "A small queue": the timer of the run is work, and is claimed like any other.
ClaimTimer ==
  /\ run.timer = "due"
  /\ run' = [run EXCEPT !.timer = "claimed"]
  /\ UNCHANGED <<now, row, events, effect, joined, joining, known, queue, processes, flight, paused, spent, wrong>>

\* "A small queue": a timer decides by the pivot's row, not by the row '': the pivot may have ended since the claim.
Deadline ==
  LET isFree == row[Pivot].state = "absent" /\ ~run.horizon
      wins == isFree \/ (Timer = "run" /\ ~run.cancelled)
  IN
  /\ run.timer = "claimed"
  /\ row' = IF isFree THEN [row EXCEPT ![Pivot] = Written(@, "cancel")] ELSE row
  /\ run' = [run EXCEPT !.cancelled = @ \/ wins, !.timer = "gone"]
  /\ events' = IF wins THEN events \cup {<<"failure", Pivot>>} ELSE events
  /\ UNCHANGED <<now, effect, joined, joining, known, queue, processes, flight, paused, spent, wrong>>

\* "One row a step": the loser of deadline and outcome is undone. The undone event follows the outcome.
StepDeadline(s) ==
  /\ timer[s]
  /\ timer' = [timer EXCEPT ![s] = FALSE]
  /\ row' = [row EXCEPT ![s] = Written(@, "deadline")]
  /\ UNCHANGED <<now, run, events, effect, joined, joining, known, work, gen, processes, flight, paused, spent, wrong>>

---------------------------------------------------------------------------
\* Processes: "Leases".

\* "Outside": the clock of the database.
Advance ==
  /\ now < MaxTime
  /\ now' = now + 1
  /\ UNCHANGED <<steps, queue, processes, flight, paused, spent, wrong>>

\* "Leases": one lease a process, renewed once for all its work. An ended holder is not renewed.
Renew(w) ==
  /\ External # {}
  /\ holder[w].alive \/ Holder = "revived"
  /\ holder' = [holder EXCEPT ![w] = [alive |-> TRUE, ends |-> now + Lease, until |-> now + Lease]]
  /\ holder' # holder
  /\ UNCHANGED <<now, steps, queue, hand, born, busy, flight, paused, spent, wrong>>

\* "Leases": the janitor ends a holder and frees its work in one transaction; a call that may have been sent stays one.
EndHolder(w) ==
  /\ External # {}
  /\ holder[w].alive
  /\ holder[w].ends <= now
  /\ holder' = [holder EXCEPT ![w].alive = FALSE]
  /\ work' = [s \in Steps |-> IF work[s].holder # w THEN work[s]
       ELSE [work[s] EXCEPT !.holder = NoWorker, !.state = IF Janitor = "ready" THEN "ready" ELSE @]]
  /\ UNCHANGED <<now, steps, timer, gen, hand, born, busy, flight, paused, spent, wrong>>

---------------------------------------------------------------------------
\* Workers: claim, send, learn, record.

IsCovered(s) == row[s].state = "undo_pending" /\ work[s].op = "call"

\* "One queue module": a claim tests pause and holder, raises the term, and writes `calling`.
Claim(w, s) ==
  LET own == work[s] IN
  /\ own.state \in {"ready", "calling", "unknown", "answered"}
  /\ own.holder = NoWorker
  /\ own.term < MaxTerm
  /\ paused = "no" \/ own.state = "answered"
  /\ Holder # "untested" => holder[w].alive
  /\ now < holder[w].until
  /\ busy[w] < Places
  /\ hand[w][s] = NoHand
  /\ work' = [work EXCEPT ![s] = [own EXCEPT !.holder = w, !.term = @ + 1, !.due = now + Call,
       !.state = IF @ = "ready" /\ ~IsCovered(s) THEN "calling" ELSE @,
       !.final = IF own.state = "ready" /\ ~IsCovered(s) THEN now + Call ELSE @]]
  /\ gen' = [gen EXCEPT ![s] = @ + 1]
  /\ hand' = [hand EXCEPT ![w][s] = [op |-> own.op, found |-> own.state, term |-> own.term + 1, bound |-> now + Call,
       gen |-> gen[s] + 1, paused |-> paused = "known",
       phase |-> CASE own.state = "answered" -> "applied"
                   [] own.state = "ready" -> IF IsCovered(s) THEN "not_applied" ELSE "claimed"
                   [] OTHER -> "asking"]]
  /\ busy' = [busy EXCEPT ![w] = @ + 1]
  /\ UNCHANGED <<now, steps, timer, holder, born, flight, paused, spent, wrong>>

\* A send outside of the lease that the row names.
IsOutside(w, s) == ~(work[s].holder = w /\ work[s].term = hand[w][s].term /\ now < holder[w].ends)
WasAnswered(w, s) == <<"answered", s>> \in events /\ hand[w][s].op = "call"

\* "Leases": nothing is sent after the lease of the process, nor after the bound of the call.
Send(w, s) ==
  LET own == hand[w][s] IN
  /\ own.phase = "claimed"
  /\ now < holder[w].until
  /\ now < own.bound
  /\ flight' = flight \cup {[step |-> s, op |-> own.op, bound |-> own.bound, worker |-> w]}
  /\ hand' = [hand EXCEPT ![w][s].phase = "sent"]
  /\ wrong' = wrong \cup (IF IsOutside(w, s) THEN {"I2"} ELSE {})
                    \cup (IF WasAnswered(w, s) THEN {"I8"} ELSE {})
                    \cup (IF own.paused THEN {"I14"} ELSE {})
  /\ UNCHANGED <<now, steps, queue, holder, born, busy, paused, spent>>

Counted(s, op) == IF op = "call" THEN [effect EXCEPT ![s].call = @ + 1] ELSE [effect EXCEPT ![s].undo = @ + 1]
Heard(request, phase) ==
  LET w == request.worker
      s == request.step
  IN IF hand[w][s].phase = "sent" /\ hand[w][s].op = request.op THEN [hand EXCEPT ![w][s].phase = phase] ELSE hand

\* "Outside": the other system does what is asked, within the bound; its answer may be lost.
Arrive ==
  \E request \in flight, phase \in {"applied", "unknown"} :
    /\ now < request.bound
    /\ flight' = flight \ {request}
    /\ effect' = Counted(request.step, request.op)
    /\ hand' = Heard(request, phase)
    /\ UNCHANGED <<now, row, run, events, joined, joining, known, queue, holder, born, busy, paused, spent, wrong>>

\* "Outside": the other system refuses a call.
Refuse ==
  \E request \in flight :
    /\ MayReject
    /\ request.op = "call"
    /\ now < request.bound
    /\ flight' = flight \ {request}
    /\ hand' = Heard(request, "rejected")
    /\ UNCHANGED <<now, steps, queue, holder, born, busy, paused, spent, wrong>>

\* "Outside": a request that was on its way for too long does not arrive any more.
Vanish ==
  \E request \in flight :
    /\ now >= request.bound
    /\ flight' = flight \ {request}
    /\ hand' = Heard(request, "unknown")
    /\ UNCHANGED <<now, steps, queue, holder, born, busy, paused, spent, wrong>>

\* "Leases": a worker gives up waiting, or its lease ended before it could send.
TimeOut(w, s) ==
  /\ \/ hand[w][s].phase = "sent"
     \/ hand[w][s].phase = "claimed" /\ (now >= hand[w][s].bound \/ now >= holder[w].until)
  /\ hand' = [hand EXCEPT ![w][s].phase = "unknown"]
  /\ UNCHANGED <<now, steps, queue, holder, born, busy, flight, paused, spent, wrong>>

Happened(s, op) == IF op = "call" THEN effect[s].call > 0 ELSE effect[s].undo > 0

\* "A small queue": `final_at`: "not found" is final when nothing can arrive any more.
AskProvider(w, s) ==
  LET own == hand[w][s] IN
  /\ own.phase = "asking"
  /\ now < holder[w].until
  /\ hand' = [hand EXCEPT ![w][s].phase =
       IF ~CanQuery THEN "stuck"
       ELSE IF Happened(s, own.op) THEN "applied"
       ELSE IF now >= work[s].final \/ Query = "early" THEN "not_found" ELSE "unknown"]
  /\ UNCHANGED <<now, steps, queue, holder, born, busy, flight, paused, spent, wrong>>

Freed(w, s) == [hand EXCEPT ![w][s] = NoHand]

\* "A small queue": the row of a step and what follows, by the outcome of its work, which withdraws the timer of the step.
Outcome(s, op, phase) ==
  LET r == row[s]
      own == work[s]
      isUndo == r.state = "undo_pending"
      trigger == IF op = "undo" THEN (IF phase = "applied" THEN "undone" ELSE "unknown")
                 ELSE CASE phase = "applied" -> "applied"
                        [] phase = "rejected" -> "rejected"
                        [] phase = "not_applied" -> "not_applied"
                        [] phase = "stuck" -> "stuck"
                        [] OTHER -> "unknown"
      next == Written(r, trigger)
      isKnown == phase \in {"applied", "rejected", "not_applied"}
      turned == [Due("undo", own.term + 1) EXCEPT !.final = 0]
      follows == CASE op = "call" /\ phase = "applied" /\ isUndo -> turned
                   [] isKnown -> NoWork
                   [] phase = "stuck" -> IF Stuck = "deleted" THEN NoWork ELSE [own EXCEPT !.state = "stuck", !.holder = NoWorker]
                   [] phase = "not_found" -> [own EXCEPT !.state = "ready", !.holder = NoWorker]
                   [] OTHER -> [own EXCEPT !.state = IF @ = "ready" THEN "ready" ELSE "unknown", !.holder = NoWorker]
  IN
  /\ row' = [row EXCEPT ![s] = IF phase = "not_found" THEN r ELSE [next EXCEPT !.stuck = phase = "stuck"]]
  /\ work' = [work EXCEPT ![s] = IF Withdraw = "step" /\ isKnown /\ timer[s] THEN NoWork ELSE follows]
  /\ timer' = [timer EXCEPT ![s] = IF isKnown THEN FALSE ELSE @]
  /\ gen' = [gen EXCEPT ![s] = IF op = "call" /\ phase = "applied" /\ isUndo THEN @ + 1 ELSE @]
  /\ known' = IF op = "call" /\ phase = "applied" THEN known \cup {s} ELSE known
  /\ events' = events \cup (CASE next.state = "applied" /\ r.state # "applied" -> {<<"success", s>>}
                              [] next.state \in {"rejected", "failed_not_applied"} -> {<<"failure", s>>}
                              [] next.state = "undone" -> {<<"undone", s>>}
                              [] OTHER -> {})
  /\ run' = IF isKnown THEN Ends(s) ELSE run

IsDone(phase) == phase \in {"applied", "rejected", "not_applied", "not_found", "unknown", "stuck"}

\* "A small queue": the outcome, the step and what follows from it are one transaction, under the term.
Record(w, s) ==
  LET own == hand[w][s] IN
  /\ IsDone(own.phase)
  /\ work[s].op = own.op
  /\ work[s].term = own.term
  /\ work[s].state # "stuck"
  /\ Outcome(s, own.op, own.phase)
  /\ hand' = Freed(w, s)
  /\ busy' = [busy EXCEPT ![w] = @ - 1]
  /\ wrong' = wrong \cup (IF own.gen # gen[s] THEN {"I5"} ELSE {})
  /\ UNCHANGED <<now, effect, joined, joining, holder, born, flight, paused, spent>>

\* "A small queue": an outcome whose transaction fails is kept; it is recorded later, without a second call.
KeepAnswer(w, s) ==
  LET own == hand[w][s] IN
  /\ own.phase = "applied"
  /\ own.found # "answered"
  /\ work[s].op = own.op
  /\ work[s].term = own.term
  /\ work' = [work EXCEPT ![s].state = IF Answered = "ready" THEN "ready" ELSE "answered", ![s].holder = NoWorker]
  /\ events' = IF own.op = "call" THEN events \cup {<<"answered", s>>} ELSE events
  /\ hand' = Freed(w, s)
  /\ busy' = [busy EXCEPT ![w] = @ - 1]
  /\ UNCHANGED <<now, row, run, effect, joined, joining, known, timer, gen, holder, born, flight, paused, spent, wrong>>

\* "A small queue": the term of the work is another one.
LoseClaim(w, s) ==
  /\ IsDone(hand[w][s].phase)
  /\ work[s].op # hand[w][s].op \/ work[s].term # hand[w][s].term \/ work[s].state = "stuck"
  /\ hand' = Freed(w, s)
  /\ busy' = [busy EXCEPT ![w] = @ - 1]
  /\ UNCHANGED <<now, steps, queue, holder, born, flight, paused, spent, wrong>>

---------------------------------------------------------------------------
\* Operators and retention

\* "A small queue", pause: committed before a claim, it holds that claim back.
PauseRun ==
  /\ spent.pauses < MaxPauses
  /\ paused = "no"
  /\ paused' = "asked"
  /\ spent' = [spent EXCEPT !.pauses = @ + 1]
  /\ UNCHANGED <<now, steps, queue, processes, flight, wrong>>

\* "A small queue", pause: it is known when the transactions that are older have ended. libs/saga/src/operate/pause.ts (pauseSaga)
KnowPause ==
  /\ paused = "asked"
  /\ Pause = "unwaited" \/ \A w \in Worker : born[w].phase # "tested" \/ ~born[w].free
  /\ paused' = "known"
  /\ UNCHANGED <<now, steps, queue, processes, flight, spent, wrong>>

\* "A small queue", pause.
ResumeRun ==
  /\ paused # "no"
  /\ paused' = "no"
  /\ UNCHANGED <<now, steps, queue, processes, flight, spent, wrong>>

MayAct(s) ==
  /\ spent.acts < MaxActs
  /\ work[s].state \in {"ready", "calling", "unknown", "stuck"}
  /\ work[s].term < MaxTerm
  /\ work[s].holder = NoWorker \/ now >= work[s].due

RaisedTerm(s) == IF Operator = "term" THEN work[s].term ELSE work[s].term + 1

\* "Leases": an operator may act when no holder, or `due_at` has passed. The term rises.
RetryWork(s) ==
  /\ MayAct(s) \/ (Stuck = "deleted" /\ row[s].stuck /\ work[s] = NoWork)
  /\ work' = [work EXCEPT ![s] = IF @ = NoWork THEN [Due("call", 0) EXCEPT !.state = "unknown", !.final = now + Call]
       ELSE [@ EXCEPT !.holder = NoWorker, !.term = RaisedTerm(s), !.state = IF @ = "stuck" THEN "unknown" ELSE @]]
  /\ row' = [row EXCEPT ![s].stuck = FALSE]
  /\ gen' = [gen EXCEPT ![s] = @ + 1]
  /\ spent' = [spent EXCEPT !.acts = @ + 1]
  /\ UNCHANGED <<now, run, events, effect, joined, joining, known, timer, processes, flight, paused, wrong>>

\* "Leases": an operator states the outcome of a call by the records of the other system, once nothing can arrive.
StateOutcome(s) ==
  /\ MayAct(s)
  /\ work[s].op = "call"
  /\ Operator = "early" \/ now >= work[s].final
  /\ Outcome(s, "call", IF effect[s].call > 0 THEN "applied" ELSE "not_applied")
  /\ spent' = [spent EXCEPT !.acts = @ + 1]
  /\ UNCHANGED <<now, effect, joined, joining, processes, flight, paused, wrong>>

IsOver == \A s \in Steps : row[s].state \in {"applied", "rejected", "failed_not_applied", "tombstoned", "undone"} /\ work[s].op = "none"

\* "Below the horizon": committed before any row leaves.
MoveHorizon ==
  /\ MaySweep
  /\ IsOver \/ run.swept
  /\ ~run.horizon
  /\ run' = [run EXCEPT !.horizon = TRUE]
  /\ UNCHANGED <<now, row, events, effect, joined, joining, known, queue, processes, flight, paused, spent, wrong>>

\* "Below the horizon": rows leave by the owner's function, when no transaction is left that began before the horizon.
SweepRows ==
  /\ MaySweep
  /\ IsOver
  /\ run.horizon \/ Sweep = "early"
  /\ Sweep = "ok" => \A w \in Worker : born[w].phase \in {"sent", "tested"} => born[w].below
  /\ ~run.swept
  /\ run' = [run EXCEPT !.swept = TRUE]
  /\ row' = [s \in Steps |-> [state |-> "absent", seq |-> 0, journal |-> <<>>, stuck |-> FALSE]]
  /\ UNCHANGED <<now, events, effect, joined, joining, known, queue, processes, flight, paused, spent, wrong>>

Next ==
  \/ Advance \/ JoinClose \/ Cancel \/ ClaimTimer \/ Deadline \/ Arrive \/ Refuse \/ Vanish
  \/ PauseRun \/ KnowPause \/ ResumeRun \/ MoveHorizon \/ SweepRows
  \/ \E m \in Members : JoinOpen(m)
  \/ \E s \in Steps :
       BeginLocal(s) \/ RejectLocal(s) \/ BeginExternal(s) \/ UndoStep(s) \/ StepDeadline(s) \/ RetryWork(s) \/ StateOutcome(s)
  \/ \E w \in Worker :
       \/ TestClose(w) \/ CommitClose(w) \/ RollBack(w) \/ Answer(w) \/ Renew(w) \/ EndHolder(w)
       \/ \E s \in Steps :
            \/ SendClose(w, s) \/ Claim(w, s) \/ Send(w, s) \/ TimeOut(w, s) \/ AskProvider(w, s)
            \/ Record(w, s) \/ KeepAnswer(w, s) \/ LoseClaim(w, s)

Spec == Init /\ [][Next]_vars

---------------------------------------------------------------------------
\* Invariants

InFlight(s, op) == \E request \in flight : request.step = s /\ request.op = op
AtRest == {"absent", "tombstoned", "rejected", "failed_not_applied", "undone"}

I1_OneEffect == \A s \in Steps : effect[s].call <= 1 /\ effect[s].undo <= 1
I2_SendsWithinLease == "I2" \notin wrong
I3_NoUndoBeforeOutcome ==
  \A s \in Steps : (work[s].op = "undo" \/ InFlight(s, "undo") \/ effect[s].undo > 0) => s \in known
I4_TombstonedNeverBegins ==
  \A s \in Steps : row[s].state = "tombstoned" => effect[s].call = 0 /\ work[s].op # "call" /\ ~InFlight(s, "call")
I5_OlderTermWritesNothing == "I5" \notin wrong
I6_CompleteJoinBeginsOnce ==
  JoinStep # 0 => /\ effect[JoinStep].call <= 1
                  /\ joined = Members => effect[JoinStep].call = 1 \/ row[JoinStep].state = "tombstoned"
I7_NeverAppliedAndCancelled == run.cancelled => effect[Pivot].call = 0
I8_AnsweredIsNotCalled == "I8" \notin wrong
I9_ForgottenBelowHorizon == "I9" \notin wrong
I10_OpenStepsGoOn ==
  \A s \in Steps : row[s].state \in {"started", "unknown", "undo_pending", "stuck"} =>
    \/ row[s].stuck
    \/ work[s].op # "none" /\ (work[s].holder # NoWorker => holder[work[s].holder].alive)
I11_StrictReverse ==
  \A i, j \in Steps : (i < j /\ effect[i].undo > 0) => row[j].state \in AtRest
I12_JournalReplays ==
  KeepJournal => \A s \in Steps :
    LET replayed == Replay(row[s].journal, [state |-> "absent", seq |-> 0])
    IN replayed.state = row[s].state /\ replayed.seq = row[s].seq
HandsOf(w) == Cardinality({s \in Steps : hand[w][s] # NoHand})
BirthsOf(w) == IF born[w].phase \in {"sent", "tested"} THEN 1 ELSE 0
I13_Places == \A w \in Worker : busy[w] <= Places /\ busy[w] = HandsOf(w) + BirthsOf(w)
I14_NoSendUnderPause == "I14" \notin wrong
\* What a step says of its call is true of the other system.
I15_OutcomesAreTrue ==
  \A s \in Steps :
    /\ row[s].state \in {"rejected", "failed_not_applied"} => effect[s].call = 0
    /\ row[s].state = "applied" => effect[s].call = 1
    /\ row[s].state = "undone" => effect[s].call = effect[s].undo

Symmetry == Permutations(Worker)
=============================================================================
