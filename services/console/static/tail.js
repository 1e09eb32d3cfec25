// The live tail: rows from the stream, a pause that ends the stream, and the true rate.
const MOST_ROWS = 300;
const place = document.querySelector('[data-stream]');
const rows = document.querySelector('[data-rows]');
const rate = document.querySelector('[data-rate]');
const trouble = document.querySelector('[data-trouble]');
const pause = document.querySelector('[data-pause]');
const empty = document.querySelector('[data-empty]');
const TITLES = ['Event', 'Written', 'Topic', 'Key', 'Type', 'Bytes', 'Database'];
let source;

// Text only: nothing of an event becomes markup.
function cell(row, text, href) {
  const td = row.insertCell();
  td.dataset.label = TITLES[td.cellIndex];
  if (td.dataset.label === 'Bytes') td.className = 'number';
  if (href === undefined) {
    td.textContent = text;
    return;
  }
  const link = document.createElement('a');
  link.href = href;
  link.dataset.row = '';
  link.append(shortId(text));
  td.className = 'code';
  td.append(link);
}

// As the other pages shorten an id: the middle is there, and has no width.
function shortId(id) {
  const all = document.createElement('span');
  all.className = 'id';
  all.title = id;
  const middle = document.createElement('span');
  middle.className = 'middle';
  middle.textContent = id.slice(8, -6);
  all.append(id.slice(0, 8), middle, id.slice(-6));
  return all;
}

function add(event) {
  empty.hidden = true;

  const row = rows.insertRow(0);
  cell(row, event.eventId, new URL(`../events/${encodeURIComponent(event.eventId)}`, import.meta.url).href);
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
