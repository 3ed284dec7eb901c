// Subscribes this browser to pages. Without it the page works all the same.
'use strict';

(() => {
  const button = document.getElementById('subscribe');
  const status = document.getElementById('subscribing');
  if (!button || !status) return;
  const say = (words) => { status.textContent = words; };
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) {
    say(window.isSecureContext ? 'This browser knows no pushes.' : 'A browser takes pushes from a page over https only.');
    return;
  }
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  // A worker that has just been registered is not yet active, and only an active
  // one can be subscribed.
  const active = (registration) => new Promise((resolve) => {
    const worker = registration.installing || registration.waiting || registration.active;
    const look = () => { if (worker.state === 'activated') resolve(registration); };
    worker.addEventListener('statechange', look);
    look();
  });

  // A browser whose push service cannot be reached never answers by itself.
  const patience = 30000;
  const late = () => new Promise((_, fail) => { setTimeout(() => fail(new Error("the browser's push service does not answer")), patience); });

  const subscribe = async () => {
    const registration = await active(await navigator.serviceWorker.register('/static/push-worker.js'));
    const old = await registration.pushManager.getSubscription();
    if (old) await old.unsubscribe(); // it may be bound to another key
    const asked = registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(button.dataset.key) });
    const s = await Promise.race([asked, late()]);
    const answer = await fetch('/api/v1/me/devices', {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: (navigator.userAgentData?.platform || navigator.platform || 'a browser').slice(0, 60),
        endpoint: s.endpoint, key: base64url(s.getKey('p256dh')), auth: base64url(s.getKey('auth')),
      }),
    });
    if (!answer.ok) {
      await s.unsubscribe();
      throw new Error((await answer.json()).error);
    }
    location.reload();
  };

  say('');
  button.hidden = false;
  button.addEventListener('click', () => {
    button.disabled = true;
    say('Asking the browser…');
    subscribe().catch((err) => {
      button.disabled = false;
      say(`It was not added: ${err.message}`);
    });
  });
})();
