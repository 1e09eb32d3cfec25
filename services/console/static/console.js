// Keys, the reload of a running action. Every page works without this script.
const links = () => [...document.querySelectorAll('a[data-row]')];
const dialog = document.getElementById('keys');

function move(by) {
  const all = links();
  if (all.length === 0) return;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

let goes = false;
const keys = {
  '/': () => document.querySelector('input[name="q"]').focus(),
  j: () => move(1),
  k: () => move(-1),
  '?': () => dialog.showModal(),
};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.closest('input, select, textarea')) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (goes && /^[0-9]$/.test(event.key)) {
    const entries = [...document.querySelectorAll('.menu a')];
    entries[event.key === '0' ? 9 : Number(event.key) - 1]?.click();
  }
  goes = event.key === 'g';
  const action = keys[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});

const reload = document.querySelector('[data-reload]');
if (reload !== null) setTimeout(() => location.reload(), Number(reload.dataset.reload));

// On a phone the menu is one line that scrolls: the entry of this page is in view.
document.querySelector('.menu a[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
