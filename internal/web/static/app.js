'use strict';
// Everything here is comfort: the pages work without it, by reloading.

// The theme is set before the page is painted, so that nothing flashes.
const themes = ['dark', 'light'];
try {
  const kept = localStorage.getItem('theme');
  if (themes.includes(kept)) document.documentElement.dataset.theme = kept;
} catch { /* storage is switched off: the system's choice holds */ }

// piket's own clock: the demo's runs faster than the reader's watch.
const clock = { at: Date.now(), mark: performance.now(), speed: 1 };
const now = () => clock.at + (performance.now() - clock.mark) * clock.speed;
function setClock(at, speed) {
  Object.assign(clock, { at, speed, mark: performance.now() });
}

function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 10) return `${m} min ${String(s % 60).padStart(2, '0')} s`;
  if (m < 90) return `${m} min`;
  if (m < 48 * 60) return `${Math.floor(m / 60)} h ${String(m % 60).padStart(2, '0')} min`;
  return `${Math.floor(m / 1440)} days`;
}

const spoken = {
  ago: (t) => (now() - t < 5000 ? 'just now' : `${span(now() - t)} ago`),
  until: (t) => (t > now() ? `in ${span(t - now())}` : `${span(now() - t)} overdue`),
  lasts: (t) => span(now() - t),
};

function local(t) {
  const d = new Date(t);
  const time = d.toLocaleTimeString('en-GB');
  if (d.toDateString() === new Date(now()).toDateString()) return time;
  return `${d.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const e of document.querySelectorAll('time')) {
    const t = Date.parse(e.dateTime);
    const kind = Object.keys(spoken).find((name) => e.classList.contains(name));
    write(e, kind ? spoken[kind](t) : local(t));
    if (kind === 'until') e.classList.toggle('over', t <= now());
  }
  for (const bar of document.querySelectorAll('progress[data-to]')) {
    const from = Date.parse(bar.dataset.from), to = Date.parse(bar.dataset.to);
    bar.max = to - from;
    bar.value = Math.max(0, to - now());
    bar.hidden = false;
  }
}

// replace puts new HTML into a panel and keeps what the reader has typed,
// opened and focused.
function replace(panel, html) {
  const typed = [...panel.querySelectorAll('input:not([type=hidden]), textarea')]
    .filter((f) => f.id && f.value !== f.defaultValue).map((f) => [f.id, f.value]);
  const opened = [...panel.querySelectorAll('details')].map((d) => d.open);
  const focus = panel.contains(document.activeElement) ? document.activeElement.id : '';
  panel.innerHTML = html;
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  panel.querySelectorAll('details').forEach((d, n) => { d.open = opened[n] || false; });
  if (focus) document.getElementById(focus)?.focus();
}

function addLine(html) {
  const list = document.getElementById('lines');
  const holder = document.createElement('template');
  holder.innerHTML = html.trim();
  const line = holder.content.firstElementChild;
  if (!list || !line || document.getElementById(line.id)) return;
  line.classList.add('fresh');
  list.prepend(line);
}

function follow(path) {
  const source = new EventSource(path);
  const on = (name, act) => source.addEventListener(name, (e) => {
    act(JSON.parse(e.data));
    tick();
  });
  on('clock', (c) => setClock(c.now, c.speed));
  on('panel', (p) => {
    const panel = document.getElementById(p.id);
    if (panel) replace(panel, p.html);
  });
  on('line', (l) => addLine(l.html));
  source.addEventListener('open', () => document.body.classList.remove('stale'));
  source.addEventListener('error', () => document.body.classList.add('stale'));
  // A page that is left keeps no connection: browsers allow few to one host.
  window.addEventListener('pagehide', () => source.close());
  window.addEventListener('pageshow', (e) => { if (e.persisted) location.reload(); });
}

function filters() {
  for (const link of document.querySelectorAll('[data-filter]')) {
    link.addEventListener('click', (e) => {
      e.preventDefault();
      document.getElementById('lines').dataset.show = link.dataset.filter;
      document.querySelectorAll('[data-filter]').forEach((other) => other.removeAttribute('aria-current'));
      link.setAttribute('aria-current', 'true');
      history.replaceState(null, '', link.href);
    });
  }
}

function themeButton() {
  const button = document.getElementById('theme');
  if (!button) return;
  button.hidden = false;
  button.addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* it holds for this page only */ }
  });
}

// A button that was pressed is not pressed again while its answer is awaited.
function pressOnce() {
  document.addEventListener('submit', (e) => {
    const form = e.target;
    if (form.dataset.sent) e.preventDefault();
    form.dataset.sent = 'yes';
  });
}

// lookUp shows what is known of a customer while their name is typed: the same
// page as the button gives, of which it takes that part.
function lookUp() {
  const field = document.querySelector('[data-lookup]');
  if (!field) return;
  const box = document.getElementById(field.dataset.lookup);
  let wait = 0, asked = 0;
  const show = async () => {
    const turn = ++asked;
    const page = new URL(location.pathname, location.href);
    page.searchParams.set('customer', field.value);
    const chosen = box.querySelector('input:checked');
    if (chosen) page.searchParams.set('of', chosen.value);
    try {
      const answer = await fetch(page);
      const known = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(box.id);
      if (turn !== asked || !answer.ok || !known) return; // a later letter is on its way, or the button must do
      box.replaceChildren(...known.childNodes);
      tick();
    } catch { /* the button must do */ }
  };
  field.addEventListener('input', () => {
    clearTimeout(wait);
    wait = setTimeout(show, 200);
  });
}

document.addEventListener('DOMContentLoaded', () => {
  setClock(Number(document.body.dataset.now), Number(document.body.dataset.speed));
  themeButton();
  filters();
  lookUp();
  pressOnce();
  tick();
  setInterval(tick, 1000);
  const live = document.querySelector('[data-stream]');
  if (live) follow(live.dataset.stream);
});
