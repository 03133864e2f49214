// The account in the page: a line on the entry screen, and a card with the name and the record. Writes what the account says; knows nothing of calls.

import { accountWords, recordWords } from './words.js';

const find = (selector) => document.querySelector(selector);

export class Profile {
  #account;

  /** `onName(name)`: the account has another name now, by the player's wish. */
  constructor(account, onName) {
    this.#account = account;
    account.onChange = () => this.show();
    for (const button of document.querySelectorAll('.show-profile')) button.addEventListener('click', () => this.open());
    find('#close-profile').addEventListener('click', () => this.close());
    find('#profile').addEventListener('click', (event) => {
      if (event.target.id === 'profile') this.close();
    });
    window.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
    find('#profile form').addEventListener('submit', async (event) => {
      event.preventDefault();
      const name = find('#profile-name').value.trim();
      if (name === '') return;
      const wrong = await account.rename(name);
      const isNamed = wrong === null && account.name === name;
      this.#note(wrong ?? (isNamed ? 'Changed. Others see it when you join the next time.' : 'It could not be changed right now.'), isNamed);
      if (isNamed) onName(name);
    });
    this.show();
  }

  open() {
    find('#profile').hidden = false;
    find('#profile-name').value = this.#account.name ?? '';
    this.#note('', true);
    find(this.#account.status === 'known' ? '#profile-name' : '#close-profile').focus();
  }

  close() {
    find('#profile').hidden = true;
  }

  show() {
    const account = this.#account;
    const words = accountWords(account);
    find('#account').dataset.status = account.status;
    for (const place of [find('#account span'), find('#profile-words')]) if (place.textContent !== words) place.textContent = words;
    find('#account button').hidden = account.status !== 'known';
    find('#profile form').hidden = account.status !== 'known';
    find('#record').hidden = account.status !== 'known';
    for (const [name, value] of Object.entries(recordWords(account.record))) find(`#record [data-of="${name}"]`).textContent = value;
  }

  #note(words, isGood) {
    const note = find('#profile-note');
    note.textContent = words;
    note.dataset.tone = isGood ? 'good' : 'bad';
  }
}
