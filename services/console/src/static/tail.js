// The live tail: rows from the stream, a pause that ends the stream, and the true rate.
const MOST_ROWS = 300;
const place = document.querySelector('[data-stream]');
const rows = document.querySelector('[data-rows]');
const rate = document.querySelector('[data-rate]');
const trouble = document.querySelector('[data-trouble]');
const pause = document.querySelector('[data-pause]');
let source;

// Text only: nothing of an event becomes markup.
function cell(row, text, href) {
  const td = row.insertCell();
  if (href === undefined) {
    td.textContent = text;
    return;
  }
  const link = document.createElement('a');
  link.href = href;
  link.dataset.row = '';
  link.textContent = text;
  td.append(link);
}

function add(event) {
  const row = rows.insertRow(0);
  cell(row, event.eventId, `/events/${encodeURIComponent(event.eventId)}`);
  for (const text of [
    event.createdAt.slice(11, 23),
    event.topic,
    event.key,
    event.type,
    event.bytes,
    event.database,
  ])
    cell(row, String(text));
}

function show(frame) {
  for (const event of frame.events) add(event);
  while (rows.rows.length > MOST_ROWS) rows.deleteRow(-1);
  const sample = frame.sampled ? `; a sample is shown: ${frame.events.length} of ${frame.matching}` : '';
  rate.textContent = `${frame.perSecond} events/s match${sample}`;
  trouble.hidden = frame.unread.length === 0;
  trouble.textContent = frame.unread.join('; ');
}

function start() {
  source = new EventSource(place.dataset.stream);
  source.addEventListener('frame', ({ data }) => show(JSON.parse(data)));
  source.addEventListener('error', () => {
    if (source === undefined) return;
    trouble.hidden = false;
    trouble.textContent = 'The stream has ended; the browser tries again.';
  });
  pause.textContent = 'Pause';
}

function stop() {
  source.close();
  source = undefined;
  pause.textContent = 'Continue';
  rate.textContent = 'paused: events that commit meanwhile are not shown';
}

pause.addEventListener('click', () => (source === undefined ? start() : stop()));
start();
