// The refresh of the home page in place. Its age is that of what is shown: where it cannot be refreshed, it says so.
const place = document.querySelector('[data-refresh]');
const stale = document.querySelector('[data-stale]');
const EVERY_MS = Number(place.dataset.refresh);
const title = document.title;
// By the clock of this machine alone: the server's may differ, and the age counts while the machine sleeps.
let checkedAt = Date.now();
let busy = false;
let why = 'it has not been tried';

function ageText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

function showAge() {
  const ms = Date.now() - checkedAt;
  const isStale = ms > 3 * EVERY_MS;
  for (const time of place.querySelectorAll('[data-age]')) time.textContent = `${ageText(ms)} ago`;
  // The text stays as it is while its reason does: a screen reader reads each change.
  const at = new Date(checkedAt).toLocaleTimeString();
  const text = `▲ Not checked since ${at}: ${why}. What is below may be over.`;
  if (isStale && stale.textContent !== text) stale.textContent = text;
  stale.hidden = !isStale;
  place.toggleAttribute('data-old', isStale);
  document.title = isStale ? `Not checked – ${title}` : title;
}

// The links and the selection of a person stay; the page does not move.
function replace(next) {
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  place.replaceChildren(...next.childNodes);
  const link = [...place.querySelectorAll('a')].find((one) => one.getAttribute('href') === focused);
  link?.focus({ preventScroll: true });
}

const isSelecting = () => {
  const chosen = getSelection();
  return chosen !== null && !chosen.isCollapsed && place.contains(chosen.anchorNode);
};

async function refresh() {
  if (busy || document.hidden || isSelecting()) return;
  busy = true;
  try {
    const asked = Date.now();
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(2 * EVERY_MS) });
    if (!answer.ok) throw new Error(`the console answered ${answer.status}`);
    const next = new DOMParser()
      .parseFromString(await answer.text(), 'text/html')
      .querySelector('[data-refresh]');
    if (next === null) throw new Error('the console asks to sign in');
    replace(next);
    checkedAt = asked;
  } catch (error) {
    why =
      error instanceof TypeError || error.name === 'TimeoutError'
        ? 'the console does not answer'
        : error.message;
  } finally {
    busy = false;
    showAge();
  }
}

setInterval(showAge, 1000);
setInterval(refresh, EVERY_MS);
document.addEventListener('visibilitychange', () => {
  showAge();
  void refresh();
});
showAge();
