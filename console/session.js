// Who is signed in: the form at the door, the name at the top, one's own password. Knows nothing of the pages behind.

import { ask, attempt } from './dialog.js';
import { byId, element, setText } from './element.js';
import { get, post } from './feed.js';

const ROLES = ['viewer', 'operator', 'administrator'];
let role = 'viewer';

/** Whether who is signed in may do what takes the role `needed`. The server decides; the page only hides what it would refuse. */
export const may = (needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Resolves when somebody is signed in, which in development mode is at once. */
export async function enter() {
  let me = await get('/api/me');
  while (!me.operator) {
    await signedIn();
    me = await get('/api/me');
  }
  role = me.operator.role;
  document.body.dataset.role = role;
  byId('door').hidden = true;
  setText(byId('who-name'), me.operator.signedIn ? `${me.operator.name} · ${role}` : '');
  byId('who').hidden = !me.operator.signedIn;
  byId('sign-out').onclick = leave;
  byId('own-password').onclick = changePassword;
}

/** Back to the door when the session has ended meanwhile. */
export async function stillIn() {
  try {
    if ((await get('/api/me')).operator === null) location.reload();
  } catch {
    // The server does not answer: the feed tries again.
  }
}

/** Shows the form until it went well. */
function signedIn() {
  const door = byId('door');
  const [name, password] = [byId('door-name'), byId('door-password')];
  door.hidden = false;
  (name.value === '' ? name : password).focus();
  return new Promise((resolve) => {
    byId('door-form').onsubmit = async (event) => {
      event.preventDefault();
      setText(byId('door-said'), '');
      try {
        await post('/api/sign-in', { name: name.value, password: password.value });
        resolve();
      } catch (error) {
        setText(byId('door-said'), error.message);
        password.select();
      }
      password.value = '';
    };
  });
}

async function leave() {
  if (await attempt(() => post('/api/sign-out', {}))) location.reload();
}

const secret = (autocomplete) => element('input', { type: 'password', required: true, minlength: 1, maxlength: 1024, autocomplete });

async function changePassword() {
  const answer = await ask({
    title: 'Change your password', action: 'Change', text: 'All your other sessions end.',
    fields: [
      { name: 'old', label: 'Password of now', node: secret('current-password') },
      { name: 'new', label: 'New password, 10 characters at least', node: secret('new-password') },
    ],
  });
  if (answer) attempt(() => post('/api/password', answer), 'Your password is changed.');
}
