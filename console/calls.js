// Any call of the client API, as any user or as the server.

import { attempt } from './dialog.js';
import { element, setText } from './element.js';
import { get, put } from './feed.js';
import { button, card } from './office.js';

export async function calls(chosen = 'GetAccount') {
  const { calls: all } = await get('/api/calls');
  const names = element('select', { id: 'call-name', 'aria-label': 'Call' }, ...all.map(({ name, served }) => element('option', { value: name, selected: name === chosen }, served ? name : `${name} (not yet)`)));
  const user = element('input', { id: 'call-user', type: 'text', maxlength: 36, placeholder: 'id of a user; empty: the server', autocomplete: 'off' });
  const request = element('textarea', { id: 'call-request', rows: 14, spellcheck: 'false', 'aria-label': 'Request' });
  const about = element('p', { class: 'dim' });
  const verdict = element('p', { id: 'call-verdict', role: 'status' });
  const reply = element('pre', { id: 'call-reply' });
  const pick = () => {
    const call = all.find(({ name }) => name === names.value);
    setText(about, `${call.about} ${call.way ?? ''}; for ${call.auth}. ${call.takes} → ${call.gives}`);
    request.value = JSON.stringify(call.request, null, 2);
    setText(verdict, '');
    setText(reply, '');
  };
  names.onchange = pick;
  pick();
  const make = () => attempt(async () => {
    const answer = await put(`/api/calls/${names.value}`, { user: user.value.trim() || null, request: JSON.parse(request.value || '{}') });
    setText(verdict, `${answer.error ? 'Refused: ' : ''}${answer.code}, HTTP ${answer.status}, ${answer.ms.toFixed(1)} ms${answer.error ? `: ${answer.error}` : ''}`);
    verdict.className = answer.error ? 'hot' : 'calm';
    setText(reply, answer.error ? '' : JSON.stringify(answer.reply, null, 2));
  });
  return card('Make a call', [names, user, button('Call', make, 'primary')], about, request, verdict, reply);
}
