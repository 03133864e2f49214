// Addresses, and the rooms that they ask for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomAsked } from '../asked.js';

const asked = (search) => roomAsked('hilltop', new URLSearchParams(search));

test('any room, one by its name, one by its number', () => {
  assert.equal(asked(''), 'hilltop');
  assert.equal(asked('?room=&name=Ada'), 'hilltop');
  assert.deepEqual(asked('?room=Zo%C3%AB%27s&spectate'), { game: 'hilltop', name: 'Zoë\'s' });
  assert.deepEqual(asked('?room=0000000100000000'), { game: 'hilltop', room: 0x1_0000_0000n });
  assert.deepEqual(asked('?room=00000001'), { game: 'hilltop', name: '00000001' });
});
