// Shows pages while no page of piket is open. It answers nothing and keeps
// nothing; below /static/ it is in charge of no page.
'use strict';

self.addEventListener('install', () => self.skipWaiting());

self.addEventListener('push', (e) => {
  let note = {};
  try { note = e.data.json(); } catch { /* shown without words: there is something to see */ }
  e.waitUntil(self.registration.showNotification(note.title || 'piket needs you', {
    tag: note.tag || 'piket', renotify: true, requireInteraction: true, icon: '/static/logo.svg', data: { path: note.path || '/' },
  }));
});

self.addEventListener('notificationclick', (e) => {
  e.notification.close();
  const url = new URL(e.notification.data.path, self.location.origin);
  // Wherever the words came from, a tap never leads away from this piket.
  if (url.origin !== self.location.origin) return;
  e.waitUntil(self.clients.openWindow(url.href));
});
